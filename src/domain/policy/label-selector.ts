export type Labels = Readonly<Record<string, string>>;

/** What all hold of the labels that are selected; none: everything is. `matchLabels` are requirements `In` one value. */
export type LabelSelector = readonly LabelRequirement[];

/** metav1.LabelSelectorRequirement; `values` is empty for the last two. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}

export function selects(selector: LabelSelector, labels: Labels): boolean {
  return selector.every((requirement) => holds(requirement, labels));
}

/** Labels without the key are not among any values (apimachinery, labels.Requirement.Matches). */
function holds({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  // A key may be the name of something that every object has, as "constructor".
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default: {
      const unhandled: never = operator;
      return unhandled;
    }
  }
}
