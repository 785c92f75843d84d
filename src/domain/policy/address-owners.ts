import { containsAddress, parsePrefix, routerAddress } from "../addresses/prefix.ts";
import type { PolicyNode, PolicyPod, PolicyWorld } from "./network-policy.ts";
import { podsByRuntimeUid } from "./runtime-pods.ts";

/** Which pod an address is. */
export type AddressOwners = ReadonlyMap<string, PolicyPod>;

type OwnersWorld = Pick<PolicyWorld, "pods" | "nodes" | "attached">;

/**
 * The pods by their addresses. An address is one pod's: of two that say so the later one's, as the other's end is just not told yet.
 * What stands on this node tells the kernel, whatever status.podIPs say. A pod elsewhere has addresses of its own node's pod CIDRs alone,
 * so that one node's kubelet cannot make itself a peer by the addresses of another; and never the router address, by which
 * whoever uses a node port comes from elsewhere. `before`: a world and its owners, of which what is not changed stands.
 */
export function addressOwners(
  world: OwnersWorld,
  before?: { readonly world: OwnersWorld; readonly owners: AddressOwners },
): AddressOwners {
  const moved = before?.world.nodes === world.nodes ? movedAddresses(before.world, world) : undefined;
  const isAsked = (address: string) => moved === undefined || moved.has(address);
  const owners = new Map(moved === undefined ? [] : before?.owners);
  for (const address of moved ?? []) owners.delete(address);
  claim(world, owners, isAsked);
  settleAttached(world, owners, isAsked);
  return owners;
}

function claim(
  { pods, nodes }: OwnersWorld,
  owners: Map<string, PolicyPod>,
  isAsked: (address: string) => boolean,
): void {
  const holds = poolsOf(nodes);
  for (const pod of pods) {
    if (!isPeer(pod)) continue;
    for (const address of pod.addresses)
      if (isAsked(address) && holds(pod.node, address) && isLater(pod, owners.get(address)))
        owners.set(address, pod);
  }
}

function settleAttached(
  { pods, attached }: OwnersWorld,
  owners: Map<string, PolicyPod>,
  isAsked: (address: string) => boolean,
): void {
  const byRuntimeUid = podsByRuntimeUid(pods);
  for (const { podUid, addresses } of attached) {
    const pod = byRuntimeUid.get(podUid);
    for (const address of addresses.filter(isAsked))
      if (pod !== undefined && isPeer(pod)) owners.set(address, pod);
      else owners.delete(address);
  }
}

/** Addresses of pods and attachments that are not the same objects in both. */
function movedAddresses(before: OwnersWorld, after: OwnersWorld): ReadonlySet<string> {
  const pods = before.pods === after.pods ? [] : different(before.pods, after.pods);
  const uids = new Set(pods.map(({ runtimeUid }) => runtimeUid));
  const attached = before.attached === after.attached ? [] : different(before.attached, after.attached);
  const own = after.attached.filter(({ podUid }) => uids.has(podUid));
  return new Set([...pods, ...attached, ...own].flatMap(({ addresses }) => addresses));
}

function different<Item>(before: readonly Item[], after: readonly Item[]): readonly Item[] {
  const [old, now] = [new Set(before), new Set(after)];
  return [...before.filter((item) => !now.has(item)), ...after.filter((item) => !old.has(item))];
}

function isPeer({ hostNetwork, ended }: PolicyPod): boolean {
  return !hostNetwork && !ended;
}

function isLater(pod: PolicyPod, known: PolicyPod | undefined): boolean {
  if (known === undefined) return true;
  if (pod.createdAt !== known.createdAt) return pod.createdAt > known.createdAt;
  return pod.uid > known.uid;
}

/** Whether a node's pods may have the address. */
function poolsOf(nodes: readonly PolicyNode[]): (node: string, address: string) => boolean {
  const pools = new Map(
    nodes.map(({ name, podCidrs }) => {
      const prefixes = podCidrs.map(parsePrefix);
      return [name, { prefixes, routers: prefixes.map(routerAddress) }];
    }),
  );
  return (node, address) => {
    const pool = pools.get(node);
    return (
      pool !== undefined &&
      !pool.routers.includes(address) &&
      pool.prefixes.some((prefix) => containsAddress(prefix, address))
    );
  };
}
