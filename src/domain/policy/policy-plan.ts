import { accept, belongsToKnownFlow, bothAddressesIn, jumpByAddress } from "../nftables/nft-statements.ts";
import type { NftChain, NftRule, NftSet, NftTable } from "../nftables/nft-table.ts";
import { type Combination, combine } from "./combination.ts";
import { grantsOf } from "./grants.ts";
import { type Isolation, isolationOf } from "./isolation.ts";
import { type Direction, nameOf, type PolicyPod, type PolicyWorld } from "./network-policy.ts";
import { type ChainPlace, policyChains } from "./policy-chains.ts";
import type { PolicyLimits, PolicyProblem } from "./policy-limits.ts";
import { contentNames, policySets } from "./policy-sets.ts";
import { podsByRuntimeUid } from "./runtime-pods.ts";
import type { MemberSet } from "./set-members.ts";

export const policyTableName = "headcni_policy";

/** A table without what follows from pods elsewhere: it changes with policies, namespaces' names and this node's pods alone. */
export interface PolicyPlan {
  /** Without the member sets, which its rules name. */
  readonly frame: NftTable;
  readonly memberSets: readonly MemberSet[];
  readonly problems: readonly PolicyProblem[];
}

const everything: Combination = { everyPort: "everybody", ports: [], named: [] };
const families = [4, 6] as const;
const directions = ["egress", "ingress"] as const;

/**
 * Plans the table that enforces the policies for this node's pods, in the node's namespace. What is forwarded is judged behind the
 * translation of its destination: Services, node ports and host ports are the pods they lead to. What the node itself sends and receives is
 * no forwarded packet and is not judged: that is how a node always reaches its own pods, and no address is exempt. Nothing
 * here sees a pod's loopback, nor neighbour discovery, which is between a pod and its node.
 *
 * What opens a flow looks up its pod, then the port, then the peer: the number of look-ups does not depend on how many policies or
 * pods there are.
 */
export function policyPlan(
  world: Pick<PolicyWorld, "policies" | "pods" | "attached">,
  limits: PolicyLimits,
): PolicyPlan {
  const names = contentNames();
  const sets = policySets(names);
  const chains = policyChains(names, sets);
  const problems: PolicyProblem[] = [];
  const combinationOf = combinations(limits, (problem) => problems.push(problem));
  const podsByUid = podsByRuntimeUid(world.pods);
  const byNamespace = Map.groupBy(world.policies, ({ namespace }) => namespace);
  const jumps = new Map<string, Map<string, string>>();
  const isolated = new Set<string>();

  for (const attached of world.attached) {
    const pod = podsByUid.get(attached.podUid);
    const namespace = pod?.namespace ?? attached.namespace;
    const policies = namespace === "" ? world.policies : (byNamespace.get(namespace) ?? []);
    const isolations = directions.map((direction) => ({
      direction,
      isolation: isolationOf(attached, pod, direction, policies),
    }));
    if (isolations.every(({ isolation }) => isolation.kind === "none")) continue;
    // In both directions, whichever is isolated: a flow that ended must not begin again from its other end.
    for (const { direction, isolation } of isolations)
      for (const address of attached.addresses) {
        const family = address.includes(":") ? 6 : 4;
        const chain = chains.judging(combinationOf(isolation, { direction, family }), { direction, family });
        const map = `${direction}${family}`;
        jumps.set(map, (jumps.get(map) ?? new Map<string, string>()).set(address, chain));
        isolated.add(address);
      }
  }

  const frame: NftTable = {
    name: policyTableName,
    sets: [...families.map((family) => selfSet(family, isolated)), ...sets.blocks()],
    maps: directions.flatMap((direction) =>
      families.map((family) => ({
        name: `${direction}${family}`,
        type: family === 4 ? ("ipv4_addr" as const) : ("ipv6_addr" as const),
        elements: [...(jumps.get(`${direction}${family}`) ?? [])],
      })),
    ),
    chains: directions.map(baseChain),
    subchains: chains.made(),
  };
  return { frame, memberSets: sets.members(), problems };
}

/** Two base chains: who accepts in one has not accepted in the other. Behind the guard's (-150), before kube-proxy's (0). */
function baseChain(direction: Direction): NftChain {
  return {
    name: direction,
    ...{ type: "filter", hook: "forward", priority: direction === "egress" ? -140 : -139, policy: "accept" },
    rules: [
      // Judged when it was opened. A policy that forbids it now ends it by deleting conntrack's entry.
      { name: "known-flow", statements: [belongsToKnownFlow, accept] },
      ...families.map(toItself),
      ...families.map((family) => toItsChain(direction, family)),
    ],
  };
}

/** A pod that reaches itself by a Service. Nothing isolates it from itself. */
function toItself(family: 4 | 6): NftRule {
  return { name: `itself-${family}`, statements: [bothAddressesIn(family, `@self${family}`), accept] };
}

function selfSet(family: 4 | 6, isolated: ReadonlySet<string>): NftSet {
  const address = family === 4 ? "ipv4_addr" : "ipv6_addr";
  const own = [...isolated].filter((text) => text.includes(":") === (family === 6));
  return {
    ...{ name: `self${family}`, type: [address, address], single: true },
    elements: own.map((text) => ({ concat: [text, text] })),
  };
}

function toItsChain(direction: Direction, family: 4 | 6): NftRule {
  const end = direction === "egress" ? "saddr" : "daddr";
  return {
    name: `isolated-${family}`,
    statements: [jumpByAddress(family, end, `@${direction}${family}`)],
  };
}

/** Pods that the same policies select, and that name their ports alike, have the same: most of a node's pods are alike. */
function combinations(limits: PolicyLimits, refuse: (problem: PolicyProblem) => void) {
  const known = new Map<string, Combination | "nothing">();
  return (isolation: Isolation, { direction, family }: ChainPlace): Combination | "nothing" => {
    if (isolation.kind === "unknownPod") return "nothing";
    if (isolation.kind === "none") return everything;
    const { pod, policies } = isolation;
    const names = policies.map(nameOf);
    const key = JSON.stringify([direction, family, names, portsOf(pod)]);
    const found =
      known.get(key) ?? combine(grantsOf(policies, direction, pod), family, limits.peers) ?? "nothing";
    if (found === "nothing" && !known.has(key))
      refuse({ code: "TOO_MANY_PEERS", policies: names, limit: limits.peers });
    known.set(key, found);
    return found;
  };
}

function portsOf({ ports }: PolicyPod): readonly unknown[] {
  return ports.map(({ name, protocol, port }) => [name, protocol, port]);
}
