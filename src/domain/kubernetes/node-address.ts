import { containsPrefix, hostPrefix, parsePrefix, readPrefix, routerAddress } from "../addresses/prefix.ts";

/**
 * Where a Node keeps the InternalIPs that its own daemon replaced by its router addresses, with commas between them; empty where it had
 * none. While the annotation is there, the Node's InternalIPs are HeadCNI's.
 */
export const replacedAddressesAnnotation = "headcni.github.io/replaced-addresses";

/**
 * The taint of a Node whose kubelet waits for somebody to write its addresses: kubelet sets it with --cloud-provider=external when it
 * registers the Node, and never again (pkg/kubelet/kubelet_node_status.go, initialNode).
 */
export const uninitializedTaint = "node.cloudprovider.kubernetes.io/uninitialized";

/** One of a Node's `status.addresses`: "InternalIP", "Hostname", "ExternalIP". */
export interface NodeAddress {
  readonly type: string;
  readonly address: string;
}

/** What of a Node's addresses this node writes. */
export interface WrittenAddresses {
  readonly addresses: readonly NodeAddress[];
  /** Value of the annotation; null without it. */
  readonly replaced: string | null;
}

/** A Node, as far as its addresses go. */
export interface NodeAddressing extends WrittenAddresses {
  /** Whether it has any annotation. */
  readonly annotated: boolean;
  /** Place of the taint among `spec.taints`; -1 without it. */
  readonly uninitializedAt: number;
}

const internal = "InternalIP";

export function internalAddresses({ addresses }: WrittenAddresses): readonly string[] {
  return addresses.filter(({ type }) => type === internal).map(({ address }) => address);
}

/** The node's own address of each family, in the order of its Node's pod CIDRs: the first is the cluster's first family. */
export function publishedAddresses(inForce: readonly string[], onNode: readonly string[]): readonly string[] {
  const ordered = onNode.length === inForce.length && onNode.every((one) => inForce.includes(one));
  return (ordered ? onNode : inForce).map((prefix) => routerAddress(parsePrefix(prefix)));
}

/** What is known of a Node's addresses and of those that it should have. */
interface AddressQuestion {
  readonly publishes: boolean;
  readonly supernets: readonly string[];
  readonly routers: readonly string[];
  readonly reachable: boolean;
  readonly node: NodeAddressing | null;
}

/** What is to be done about them, or where they stand. */
export type AddressWay =
  | "off"
  | "withdraw"
  | "awaitingNetwork"
  | "publish"
  | "initialize"
  | "published"
  | "overruled";

export function addressWay({ publishes, supernets, routers, reachable, node }: AddressQuestion): AddressWay {
  if (!publishes) return node === null || node.replaced === null ? "off" : "withdraw";
  if (node === null || routers.length === 0) return "awaitingNetwork";
  if (isPublished(node, routers)) return node.uninitializedAt < 0 ? "published" : "initialize";
  if (isOverruled(node, supernets)) return "overruled";
  return reachable ? "publish" : "awaitingNetwork";
}

/** Whether the Node's InternalIPs are these, as HeadCNI writes them. */
function isPublished(node: WrittenAddresses, routers: readonly string[]): boolean {
  return node.replaced !== null && internalAddresses(node).join() === routers.join();
}

/** Whether others wrote over HeadCNI's addresses. What is inside the supernets is HeadCNI's, of pod CIDRs that the node had before. */
function isOverruled(node: WrittenAddresses, supernets: readonly string[]): boolean {
  const found = internalAddresses(node);
  return node.replaced !== null && (found.length === 0 || outside(found, supernets).length > 0);
}

/** The Node with router addresses as its InternalIPs, the ones before kept aside, and all other addresses as they are. */
export function withRouterAddresses(
  node: WrittenAddresses,
  routers: readonly string[],
  supernets: readonly string[],
): WrittenAddresses {
  const others = outside(internalAddresses(node), supernets);
  return {
    addresses: withInternal(node, routers),
    replaced: others.length > 0 ? others.join() : (node.replaced ?? ""),
  };
}

/** The Node as it was before: what somebody wrote meanwhile stays, else what was kept aside comes back. */
export function withoutRouterAddresses(
  node: WrittenAddresses,
  supernets: readonly string[],
): WrittenAddresses {
  const others = outside(internalAddresses(node), supernets);
  const kept = (node.replaced ?? "").split(",").filter((address) => address !== "");
  return { addresses: withInternal(node, others.length > 0 ? others : kept), replaced: null };
}

/** InternalIPs first, as kubelet writes them. */
function withInternal({ addresses }: WrittenAddresses, wanted: readonly string[]): readonly NodeAddress[] {
  return [
    ...wanted.map((address) => ({ type: internal, address })),
    ...addresses.filter(({ type }) => type !== internal),
  ];
}

/** Others may write what is no address: that is theirs, too. */
function outside(addresses: readonly string[], supernets: readonly string[]): readonly string[] {
  const nets = supernets.map(parsePrefix);
  return addresses.filter((address) => {
    const host = readPrefix(hostPrefix(address));
    return host === undefined || !nets.some((net) => containsPrefix(net, host));
  });
}
