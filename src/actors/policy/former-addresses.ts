import { containsAddress, parsePrefix } from "../../domain/addresses/prefix.ts";
import type { KernelFlow } from "../../domain/kernel/kernel-flow.ts";
import type { PolicyWorld } from "../../domain/policy/network-policy.ts";

/**
 * Addresses that another pod had, and of whose flows conntrack may still know. Whoever sends to such an address goes on with a flow that was
 * judged when it opened: for the pod before. A router forgets nothing when a pod goes.
 */
export interface FormerAddresses {
  /** A world came after another; gives whether a pod left an address. */
  note(before: PolicyWorld | undefined, after: PolicyWorld): boolean;
  /** Of addresses that a policy isolates, those that may have flows of a former pod; `known`: those that were isolated before. */
  suspects(isolated: readonly string[], known: ReadonlySet<string>): readonly string[];
  /** Addresses that pods left. */
  left(): readonly string[];
  /** Prefixes of this node of which is not known who had flows before this daemon; empty once they were looked through. */
  unknownIn(world: PolicyWorld): readonly string[];
  /** Keeps of which addresses in those prefixes flows stand that are nobody's. */
  learn(flows: readonly KernelFlow[], world: PolicyWorld, prefixes: readonly string[]): void;
  /** Their flows have ended. */
  settle(addresses: readonly string[]): void;
}

export function formerAddresses(nodeName: string): FormerAddresses {
  const left = new Set<string>();
  /** Of before this daemon. They may be of pods that are none of Kubernetes', so their flows end only for a pod that is isolated. */
  const found = new Set<string>();
  let lookedThrough = false;
  return {
    note: (before, after) => {
      const owners = ownersIn(after);
      const gone = [...ownersIn(before)].flatMap(([address, uid]) =>
        owners.get(address) === uid ? [] : [address],
      );
      for (const address of gone) left.add(address);
      return gone.length > 0;
    },
    suspects: (isolated, known) =>
      isolated.filter(
        (address) => left.has(address) || found.has(address) || (!lookedThrough && !known.has(address)),
      ),
    left: () => [...left],
    unknownIn: ({ nodes }) =>
      lookedThrough ? [] : (nodes.find(({ name }) => name === nodeName)?.podCidrs ?? []),
    learn: (flows, world, prefixes) => {
      if (prefixes.length === 0) return;
      const ranges = prefixes.map(parsePrefix);
      const ends = new Set(flows.flatMap(({ source, destination }) => [source, destination]));
      for (const address of vacantIn([...ends], world))
        if (ranges.some((range) => containsAddress(range, address))) found.add(address);
      lookedThrough = true;
    },
    settle: (addresses) => {
      for (const address of addresses) {
        left.delete(address);
        found.delete(address);
      }
    },
  };
}

/** Of these addresses those that no pod of this node has. */
export function vacantIn(addresses: readonly string[], world: PolicyWorld): readonly string[] {
  const owners = ownersIn(world);
  return addresses.filter((address) => !owners.has(address));
}

function ownersIn(world: PolicyWorld | undefined): ReadonlyMap<string, string> {
  const attached = world?.attached ?? [];
  return new Map(attached.flatMap(({ podUid, addresses }) => addresses.map((one) => [one, podUid] as const)));
}
