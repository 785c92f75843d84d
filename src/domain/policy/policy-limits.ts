import { type Direction, type NetworkPolicy, nameOf } from "./network-policy.ts";
import { termOf } from "./pod-term.ts";
import type { MemberSet } from "./set-members.ts";

/** What one node takes upon itself for policies. Beyond it nothing is cut down: what is refused isolates as it says, and allows nothing. */
export interface PolicyLimits {
  /** Elements of one set. */
  readonly elements: number;
  /** Selectors and address ranges of all policies that isolate one pod in one direction, counted at each range of ports anew. */
  readonly peers: number;
}

export const policyLimits: PolicyLimits = { elements: 65_536, peers: 65_536 };

/** Policies that are refused, by "namespace/name". */
export interface PolicyProblem {
  readonly code: "TOO_MANY_ELEMENTS" | "TOO_MANY_PEERS";
  readonly policies: readonly string[];
  readonly limit: number;
}

/** The same policies, of which the refused ones allow nothing. */
export function withoutGrants(
  policies: readonly NetworkPolicy[],
  refused: ReadonlySet<string>,
): readonly NetworkPolicy[] {
  return policies.map((policy) =>
    refused.has(nameOf(policy))
      ? {
          ...policy,
          ...(policy.ingress === undefined ? {} : { ingress: [] }),
          ...(policy.egress === undefined ? {} : { egress: [] }),
        }
      : policy,
  );
}

/** Names of the policies that have a part in the set. */
export function policiesOfSet(set: MemberSet, policies: readonly NetworkPolicy[]): readonly string[] {
  return policies.filter((policy) => hasPart(policy, set)).map(nameOf);
}

function hasPart(policy: NetworkPolicy, set: MemberSet): boolean {
  if (set.kind === "ports")
    return (policy.egress ?? []).some(
      ({ ports }) =>
        ports !== "any" &&
        ports.some(
          (port) =>
            "name" in port &&
            set.named.some(({ protocol, name }) => protocol === port.protocol && name === port.name),
        ),
    );
  return (["ingress", "egress"] satisfies readonly Direction[]).some((direction) =>
    (policy[direction] ?? []).some(
      ({ peers }) =>
        peers !== "any" &&
        peers.some(
          (peer) =>
            peer.kind === "pods" && set.terms.includes(JSON.stringify(termOf(peer, policy.namespace))),
        ),
    ),
  );
}
