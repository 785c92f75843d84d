import type { DoctorFacts, DoctorSettings } from "./facts.ts";

/** What a check came to. `skipped`: it could not be made, and `found` says why. */
export type CheckResult = "ok" | "warn" | "fail" | "skipped";

/** What the findings are about, in the order in which they are told. */
export const checkGroups = [
  "configuration",
  "kernel",
  "node",
  "addresses",
  "firewall",
  "cni",
  "headscale",
  "owner",
  "tailnet",
  "kubernetes",
] as const;
export type CheckGroup = (typeof checkGroups)[number];

/** The outcome of one check, in words for the person who runs the node. */
export interface Outcome {
  readonly result: CheckResult;
  readonly found: string;
  /** What breaks, or may break; empty for `ok` and `skipped`. */
  readonly why: string;
  /** What to do about it; empty for `ok`. */
  readonly todo: string;
}

export interface Finding extends Outcome {
  /** `<group>.<what>`; never changes its meaning. */
  readonly id: string;
  readonly group: CheckGroup;
}

type CheckId = `${CheckGroup}.${string}`;

/** Undefined: the check does not apply. */
export type Check = (facts: DoctorFacts, settings: DoctorSettings) => Outcome | undefined;

/** Checks by the id of their finding, in the order in which they are told. */
export type Checks = Readonly<Record<CheckId, Check>>;

/** An outcome's words when something is not right. */
type Problem = Omit<Outcome, "result">;

export function ok(found: string): Outcome {
  return { result: "ok", found, why: "", todo: "" };
}

export function warn(problem: Problem): Outcome {
  return { result: "warn", ...problem };
}

export function fail(problem: Problem): Outcome {
  return { result: "fail", ...problem };
}

/** `todo`: what would let the check be made, if anything does. */
export function skipped(because: string, todo = ""): Outcome {
  return { result: "skipped", found: because, why: "", todo };
}

export function findingOf(id: string, outcome: Outcome): Finding {
  const name = id.slice(0, id.indexOf("."));
  return { id, group: checkGroups.find((group) => group === name) ?? "node", ...outcome };
}

/** At most `max` of them, and how many more there are. */
export function listed(names: readonly string[], max = 4): string {
  const shown = names.slice(0, max).join(", ");
  return names.length > max ? `${shown} and ${names.length - max} more` : shown;
}
