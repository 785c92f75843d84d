import type { NftElement } from "../nftables/nft-statements.ts";
import type { AddressOwners } from "./address-owners.ts";
import type { PolicyPod } from "./network-policy.ts";
import type { NamespaceLabels } from "./pod-term.ts";
import type { PolicyState } from "./policy-table.ts";
import { fillSets, type MemberSet, type MembershipsOf, membershipsIn, typeOf } from "./set-members.ts";
import { type ElementChange, type TableChange, tableChange } from "./table-change.ts";

/**
 * What leads from the table of one state to that of the next: the same as the difference of the whole tables, at the cost of what changed. Pods are
 * compared by identity: whoever keeps them makes a new object for one that changed, and for no other.
 */
export function policyChange(before: PolicyState, after: PolicyState): TableChange {
  const known = new Map(before.plan.memberSets.map((set) => [set.name, JSON.stringify(set)]));
  const kept = after.plan.memberSets.filter((set) => known.get(set.name) === JSON.stringify(set));
  const keptNames = new Set(kept.map(({ name }) => name));
  const filled = ({ plan: { frame, memberSets }, namespaces, owners }: PolicyState) => {
    const others = memberSets.filter(({ name }) => !keptNames.has(name));
    return { ...frame, sets: [...(frame.sets ?? []), ...fillSets(others, namespaces, owners)] };
  };
  const { rules, elements } = tableChange(filled(before), filled(after));
  const all = [...elements, ...memberChanges(kept, before, after)];
  return rules === undefined ? { elements: all } : { rules, elements: all };
}

/** Of sets that both have: each address that is another pod, or a pod in a namespace with other labels, is a matter of its own. */
function memberChanges(
  sets: readonly MemberSet[],
  before: PolicyState,
  after: PolicyState,
): readonly ElementChange[] {
  const [old, now] = [before, after].map(({ namespaces }) => membershipsIn(sets, namespaces));
  const relabelled = relabelledNamespaces(before.namespaces, after.namespaces);
  const changes = new Map<string, { readonly remove: NftElement[]; readonly add: NftElement[] }>();
  const changeOf = (set: string) => {
    const known = changes.get(set) ?? { remove: [], add: [] };
    changes.set(set, known);
    return known;
  };
  for (const address of movedAddresses(before.owners, after.owners, relabelled)) {
    const was = membershipsAt(address, before.owners, old);
    const is = membershipsAt(address, after.owners, now);
    for (const [key, { set, element }] of was) if (!is.has(key)) changeOf(set).remove.push(element);
    for (const [key, { set, element }] of is) if (!was.has(key)) changeOf(set).add.push(element);
  }
  return sets.flatMap((set) => {
    const change = changes.get(set.name);
    return change === undefined
      ? []
      : [{ kind: "set", name: set.name, type: typeOf(set), ...change } as const];
  });
}

function membershipsAt(address: string, owners: AddressOwners, membershipsOf: MembershipsOf | undefined) {
  const pod = owners.get(address);
  const memberships = pod === undefined ? [] : (membershipsOf?.(address, pod) ?? []);
  return new Map(memberships.map((one) => [JSON.stringify(one), one]));
}

function movedAddresses(
  before: AddressOwners,
  after: AddressOwners,
  relabelled: (pod: PolicyPod) => boolean,
): readonly string[] {
  const moved: string[] = [];
  for (const [address, pod] of after) if (before.get(address) !== pod || relabelled(pod)) moved.push(address);
  for (const address of before.keys()) if (!after.has(address)) moved.push(address);
  return moved;
}

function relabelledNamespaces(before: NamespaceLabels, after: NamespaceLabels): (pod: PolicyPod) => boolean {
  const names = new Set(
    [...before.keys(), ...after.keys()].filter(
      (name) => JSON.stringify(before.get(name)) !== JSON.stringify(after.get(name)),
    ),
  );
  return ({ namespace }) => names.has(namespace);
}
