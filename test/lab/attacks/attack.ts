import type { Lab, LabNode, Mode } from "../lab-types.ts";

/** What must never happen, as tests and documents name it. */
export const promises = {
  plaintext: "no packet from or to a pod's address crosses the underlay in plaintext",
  sources: "a pod sends only from its own addresses and on its own link, and is no router",
  underlay: "from the underlay only what is translated, and replies, reach a pod, and no node is a gateway",
  identity: "from the tailnet only prefixes of Nodes are believed, each bound to that Node's identity",
  flood: "a tag holder that announces, changes or floods prefixes changes nothing for others",
  members: "tailnet members that are no nodes reach no pod, and pods reach no tailnet address",
  restored: "what somebody deletes is restored, who fights is named, and nothing of others is touched",
  local:
    "local users reach no socket of HeadCNI, idle connections fail no probe, and /debug answers to loopback alone",
  names: "no control character of a stranger's name reaches a terminal, a log line or a label",
} as const;

export type PromiseName = keyof typeof promises;

/** Where an attack happens: a lab that is up, the node that is attacked, and another one. */
export interface Scene {
  readonly lab: Lab;
  readonly node: LabNode;
  readonly other: LabNode;
}

/** One thing that an attack saw. `harm`: it must never happen. */
export interface Finding {
  readonly saw: string;
  readonly harm: boolean;
}

/** Rules of HeadCNI's, by the beginning of their names, in the node's namespace or tailscaled's. */
export interface GuardRules {
  readonly where: "node" | "tailnet";
  /** The guard's if absent. */
  readonly table?: string;
  readonly names: readonly string[];
}

/** One attack. It leaves the lab as it was. */
export interface Attack {
  /** Lower case, with dashes: the argument of `npm run lab -- attack`. */
  readonly name: string;
  readonly promise: PromiseName;
  /** What it does, in a sentence without its subject: "routes the pods' network via a node ...". */
  readonly does: string;
  /** Only in a lab with, or only in one without a cluster; in any if absent. */
  readonly kubernetes?: boolean;
  /** Only on a node in that mode; in any if absent. */
  readonly mode?: Mode;
  /** Rules without which it succeeds. Absent where more than a rule holds against it. */
  readonly heldBy?: GuardRules;
  /** Throws LabError where it cannot be tried: what it needs is not there, or honest traffic of the same kind does not pass. */
  readonly run: (scene: Scene) => Promise<readonly Finding[]>;
}

/** `succeeded`: something was seen that must never happen. */
export function verdictOf(findings: readonly Finding[]): "failed" | "succeeded" {
  return findings.some(({ harm }) => harm) ? "succeeded" : "failed";
}

/** What an attack saw in one line: harm first. */
export function sawLine(findings: readonly Finding[]): string {
  const ordered = [...findings.filter(({ harm }) => harm), ...findings.filter(({ harm }) => !harm)];
  return ordered.length === 0 ? "nothing" : ordered.map(({ saw }) => saw).join("; ");
}
