import { containsAddress, parsePrefix, routerAddress } from "../addresses/prefix.ts";
import type { PolicyNode, PolicyPod, PolicyWorld } from "./network-policy.ts";

/** Which pod an address is. */
export type AddressOwners = ReadonlyMap<string, PolicyPod>;

/**
 * The pods by their addresses. An address is one pod's: of two that say so the later one's, as the other's end is just not told yet.
 * What stands on this node tells the kernel, whatever status.podIPs say. A pod elsewhere has addresses of its own node's pod CIDRs alone,
 * so that one node's kubelet cannot make itself a peer by the addresses of another; and never the router address, by which
 * whoever uses a node port comes from elsewhere.
 */
export function addressOwners({
  pods,
  nodes,
  attached,
}: Pick<PolicyWorld, "pods" | "nodes" | "attached">): AddressOwners {
  const owners = new Map<string, PolicyPod>();
  const holds = poolsOf(nodes);
  for (const pod of pods) {
    if (!isPeer(pod)) continue;
    for (const address of pod.addresses)
      if (holds(pod.node, address) && isLater(pod, owners.get(address))) owners.set(address, pod);
  }
  const byRuntimeUid = new Map(pods.map((pod) => [pod.runtimeUid, pod]));
  for (const { podUid, addresses } of attached) {
    const pod = byRuntimeUid.get(podUid);
    for (const address of addresses)
      if (pod !== undefined && isPeer(pod)) owners.set(address, pod);
      else owners.delete(address);
  }
  return owners;
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
