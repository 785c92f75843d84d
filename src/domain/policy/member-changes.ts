import type { NftElement } from "../nft-statements.ts";
import type { AddressOwners } from "./address-owners.ts";
import type { PolicyPod } from "./network-policy.ts";
import { type MemberSet, type MembershipsOf, typeOf } from "./set-members.ts";
import type { ElementChange } from "./table-change.ts";

/** An address that is another pod than before, or the same pod with something else about it. */
export interface OwnerMove {
  readonly address: string;
  readonly before?: PolicyPod;
  readonly after?: PolicyPod;
}

/** Pods are compared by identity: whoever keeps them makes a new object for one that changed. */
export function ownerMoves(before: AddressOwners, after: AddressOwners): readonly OwnerMove[] {
  const moves: OwnerMove[] = [];
  for (const [address, pod] of after) {
    const known = before.get(address);
    if (known !== pod) moves.push({ address, after: pod, ...(known === undefined ? {} : { before: known }) });
  }
  for (const [address, pod] of before) if (!after.has(address)) moves.push({ address, before: pod });
  return moves;
}

/**
 * What such moves change while policies, namespaces and this node's pods stay as they are: the same as the difference of the whole tables, at
 * the cost of the moves alone. A label of a pod elsewhere is one move.
 */
export function memberChanges(
  sets: readonly MemberSet[],
  membershipsOf: MembershipsOf,
  moves: readonly OwnerMove[],
): readonly ElementChange[] {
  const changes = new Map<string, { readonly remove: NftElement[]; readonly add: NftElement[] }>();
  const changeOf = (set: string) => {
    const known = changes.get(set) ?? { remove: [], add: [] };
    changes.set(set, known);
    return known;
  };
  for (const { address, before, after } of moves) {
    const [old, now] = [before, after].map(
      (pod) =>
        new Map(
          (pod === undefined ? [] : membershipsOf(address, pod)).map((one) => [JSON.stringify(one), one]),
        ),
    );
    for (const [key, { set, element }] of old ?? [])
      if (now?.has(key) !== true) changeOf(set).remove.push(element);
    for (const [key, { set, element }] of now ?? [])
      if (old?.has(key) !== true) changeOf(set).add.push(element);
  }
  return sets.flatMap((set) => {
    const change = changes.get(set.name);
    return change === undefined
      ? []
      : [{ kind: "set", name: set.name, type: typeOf(set), ...change } as const];
  });
}
