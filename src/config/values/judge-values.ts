import type * as z from "zod";
import type { ConfigProblem } from "../../domain/config-change.ts";
import { showValue } from "../config-error.ts";
import type { ConfigKey, KeyCatalogue } from "../keys/key-catalogue.ts";
import { redacted } from "../secret.ts";
import type { GivenValue } from "./given-value.ts";

/** Each key by itself: what the schema accepted, by path, and what it did not. */
export interface JudgedValues {
  /** Parsed values, defaults included; a key that is optional and absent, or wrong, is not in it. */
  readonly parsed: ReadonlyMap<string, unknown>;
  readonly problems: readonly ConfigProblem[];
}

/** Parses every key on its own, so that one wrong value does not hide the others. */
export function judgeValues(catalogue: KeyCatalogue, given: ReadonlyMap<string, GivenValue>): JudgedValues {
  const parsed = new Map<string, unknown>();
  const problems: ConfigProblem[] = [];
  for (const key of catalogue.keys) {
    const value = given.get(key.path);
    const candidates = value?.candidates ?? [undefined];
    const match = candidates
      .map((candidate) => key.schema.safeParse(candidate))
      .find(({ success }) => success);
    if (match === undefined) problems.push(...explain(key, value, candidates[0]));
    else if (match.data !== undefined) parsed.set(key.path, match.data);
  }
  return { parsed, problems };
}

function explain(key: ConfigKey, given: GivenValue | undefined, raw: unknown): readonly ConfigProblem[] {
  const issues = (key.schema.safeParse(raw).error?.issues ?? []).flatMap(specificIssues);
  return issues.map((issue) => {
    const inner = issue.path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`));
    return {
      path: `${key.path}${inner.join("")}`,
      source: given?.source ?? "default",
      found: key.about.secret ? redacted : showValue(valueAt(raw, issue.path)),
      wanted:
        issue.code === "custom" && issue.message !== "Invalid input"
          ? issue.message
          : `must be ${key.about.mustBe}`,
    };
  });
}

/** Of a union's branches the one that took the value's type and refused the value. */
function specificIssues(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const taken = issue.errors.find((branch) =>
    branch.every(({ code, path }) => code !== "invalid_type" || path.length > 0),
  );
  return taken?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
}

/** What stands at the path below the value; undefined where nothing does. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, step) =>
      typeof inner === "object" && inner !== null
        ? (inner as Readonly<Record<PropertyKey, unknown>>)[step]
        : undefined,
    value,
  );
}
