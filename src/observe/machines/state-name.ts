import type { StateValue } from "xstate";

/** A state value as one word for labels and logs: "attached", "up.pinging", "running.(a+b)" for parallel regions. */
export function stateName(value: StateValue): string {
  if (typeof value === "string") return value;
  const regions = Object.entries(value).map(([name, inner]) =>
    inner !== undefined && (typeof inner === "string" || Object.keys(inner).length > 0)
      ? `${name}.${stateName(inner)}`
      : name,
  );
  return regions.length === 1 ? (regions[0] ?? "") : `(${regions.join("+")})`;
}

/** Dotted paths of a state value's innermost states: one, or one per parallel region. */
export function leafPaths(value: StateValue): readonly string[] {
  if (typeof value === "string") return [value];
  return Object.entries(value).flatMap(([name, inner]) => {
    const below = inner === undefined ? [] : leafPaths(inner);
    return below.length === 0 ? [name] : below.map((path) => `${name}.${path}`);
  });
}
