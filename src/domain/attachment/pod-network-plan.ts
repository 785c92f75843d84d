import type { CniRequest } from "../../protocol/cni-protocol.ts";
import { hashWords, shortId, stableHash } from "../stable-hash.ts";
import { type AttachmentPlan, attachmentKey, type ObservedAttachment } from "./attachment.ts";

/** What is the same for every pod of this node. */
export interface NodeNetwork {
  /** This node's router address per family (prefix.ts). */
  readonly routerAddresses: readonly string[];
  readonly mtu: number;
}

/** The host-side veth of a key: "hc" and 13 letters of hash, 15 bytes, the most a link name may have (IFNAMSIZ - 1). */
export function hostLinkName(key: string): string {
  return `hc${stableHash(key)}`;
}

/** The plan for an ADD. `order` is 0 for the first interface of a container, above 0 for further ones. */
export function planAttachment(
  request: CniRequest,
  node: NodeNetwork,
  given: { readonly addresses: readonly string[]; readonly order: number },
): AttachmentPlan {
  const key = attachmentKey(request.containerId, request.ifname);
  return {
    key,
    network: request.network,
    containerId: shortId(request.containerId),
    ifname: request.ifname,
    podUid: request.pod.uid,
    netns: request.netns,
    hostLink: hostLinkName(key),
    hostMac: macAddress(`${key} host`),
    podMac: macAddress(`${key} pod`),
    addresses: given.addresses,
    routerAddresses: node.routerAddresses,
    mtu: node.mtu,
    order: given.order,
  };
}

/** The plan of an attachment that a previous daemon made; its netns path is not on record: a request brings it. */
export function planOfObserved(
  observed: ObservedAttachment,
  routerAddresses: readonly string[],
): AttachmentPlan {
  const { state: _, netnsInode: __, routedAddresses: ___, ...plan } = observed;
  return { ...plan, netns: "", podMac: macAddress(`${plan.key} pod`), routerAddresses };
}

/** A MAC that is locally administered and unicast (IEEE 802: second bit of the first byte set, first bit clear). */
function macAddress(text: string): string {
  const [first, second] = hashWords(text);
  const bytes = [
    ((first & 0xff) | 0x02) & 0xfe,
    first >>> 8,
    first >>> 16,
    first >>> 24,
    second,
    second >>> 8,
  ];
  return bytes.map((byte) => (byte & 0xff).toString(16).padStart(2, "0")).join(":");
}
