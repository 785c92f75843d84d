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
  "tailnet",
  "kubernetes",
] as const;
export type CheckGroup = (typeof checkGroups)[number];

/** The outcome of one check, in words for the person who runs the node. */
export interface Finding {
  /** `<group>.<what>`; never changes its meaning. */
  readonly id: string;
  readonly group: CheckGroup;
  readonly result: CheckResult;
  readonly found: string;
  /** What breaks, or may break; empty for `ok` and `skipped`. */
  readonly why: string;
  /** What to do about it; empty for `ok`. */
  readonly todo: string;
}

type CheckId = `${CheckGroup}.${string}`;

/** A finding's words when something is not right. */
export interface Trouble {
  readonly found: string;
  readonly why: string;
  readonly todo: string;
}

export function ok(id: CheckId, found: string): Finding {
  return { id, group: groupOf(id), result: "ok", found, why: "", todo: "" };
}

export function warn(id: CheckId, trouble: Trouble): Finding {
  return { id, group: groupOf(id), result: "warn", ...trouble };
}

export function fail(id: CheckId, trouble: Trouble): Finding {
  return { id, group: groupOf(id), result: "fail", ...trouble };
}

/** `todo`: what would let the check be made, if anything does. */
export function skipped(id: CheckId, because: string, todo = ""): Finding {
  return { id, group: groupOf(id), result: "skipped", found: because, why: "", todo };
}

/** At most `most` of them, and how many more there are. */
export function listed(names: readonly string[], most = 4): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

function groupOf(id: CheckId): CheckGroup {
  const name = id.slice(0, id.indexOf("."));
  return checkGroups.find((group) => group === name) ?? "node";
}
