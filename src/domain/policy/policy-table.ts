import type { NftTable } from "../nftables/nft-table.ts";
import { type AddressOwners, addressOwners } from "./address-owners.ts";
import type { PolicyWorld } from "./network-policy.ts";
import { type NamespaceLabels, namespaceLabels } from "./pod-term.ts";
import {
  type PolicyLimits,
  type PolicyProblem,
  policiesOfSet,
  policyLimits,
  withoutGrants,
} from "./policy-limits.ts";
import { type PolicyPlan, policyPlan } from "./policy-plan.ts";
import { fillSets } from "./set-members.ts";

/** All that a table follows from: enough to tell what leads to the next one. */
export interface PolicyState {
  readonly plan: PolicyPlan;
  readonly owners: AddressOwners;
  readonly namespaces: NamespaceLabels;
  /** What is refused, by the policies' names. */
  readonly problems: readonly PolicyProblem[];
}

/** `before`: a world and its state, whose plan stands where it follows from the same. */
export function policyState(
  world: PolicyWorld,
  limits: PolicyLimits = policyLimits,
  before?: { readonly world: PolicyWorld; readonly state: PolicyState },
): PolicyState {
  const plan =
    before !== undefined && samePlan(before, world) ? before.state.plan : policyPlan(world, limits);
  const namespaces = namespaceLabels(world.namespaces);
  const owners = addressOwners(
    world,
    before === undefined ? undefined : { world: before.world, owners: before.state.owners },
  );
  const names = tooMany(limits, plan, owners, namespaces);
  const tooLarge = plan.memberSets.filter(({ name }) => names.has(name));
  if (tooLarge.length === 0) return { plan, owners, namespaces, problems: plan.problems };
  const policies = [...new Set(tooLarge.flatMap((set) => policiesOfSet(set, world.policies)))];
  const rest = policyState({ ...world, policies: withoutGrants(world.policies, new Set(policies)) }, limits);
  const problem = { code: "TOO_MANY_ELEMENTS", policies, limit: limits.elements } as const;
  return { ...rest, problems: [problem, ...rest.problems] };
}

/** The whole table, as it is loaded. */
export function policyTable({ plan: { frame, memberSets }, owners, namespaces }: PolicyState): NftTable {
  return { ...frame, sets: [...(frame.sets ?? []), ...fillSets(memberSets, namespaces, owners)] };
}

/** Planning takes longer than all the rest, and what happens elsewhere changes no plan. What was refused is judged anew. */
function samePlan(
  { world: before, state }: { readonly world: PolicyWorld; readonly state: PolicyState },
  world: PolicyWorld,
): boolean {
  if (state.problems.length > 0 || before.policies !== world.policies || before.attached !== world.attached)
    return false;
  if (before.pods === world.pods) return true;
  const uids = new Set(world.attached.map(({ podUid }) => podUid));
  const own = ({ pods }: PolicyWorld) => pods.filter(({ runtimeUid }) => uids.has(runtimeUid));
  const [were, are] = [own(before), own(world)];
  return were.length === are.length && were.every((pod) => are.includes(pod));
}

/** Names of sets with more elements than they may have. They are counted only where pods could have so many addresses and ports. */
function tooMany(
  limits: PolicyLimits,
  { memberSets }: PolicyPlan,
  owners: AddressOwners,
  namespaces: NamespaceLabels,
): ReadonlySet<string> {
  let most = 0;
  for (const pod of owners.values()) most += Math.max(1, pod.ports.length);
  if (most <= limits.elements) return new Set();
  const filled = fillSets(memberSets, namespaces, owners);
  return new Set(filled.filter(({ elements }) => elements.length > limits.elements).map(({ name }) => name));
}
