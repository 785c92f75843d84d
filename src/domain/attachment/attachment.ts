import { type CniRequest, cniProtocolVersion } from "../../protocol/cni-protocol.ts";
import { shortId } from "../stable-hash.ts";

/**
 * An attachment is one interface of one sandbox. The kernel is its only record: a host-side veth in our link
 * group whose alias (see link-alias.ts) says what it is.
 */

/** `<containerId>/<ifname>`, the id shortened as in aliases: names an attachment everywhere. */
export type AttachmentKey = string;

/** Takes a container id as the runtime gave it or as an alias carries it: both give the same key. */
export function attachmentKey(containerId: string, ifname: string): AttachmentKey {
  return `${shortId(containerId)}/${ifname}`;
}

/** Where an attachment stands in the kernel. Only `ready` survives a restart of the daemon. */
export type AttachmentState = "pending" | "ready" | "leaving";

/** Everything the kernel has to be told for one attachment; CHECK compares the kernel with the same data. */
export interface AttachmentPlan {
  readonly key: AttachmentKey;
  readonly network: string;
  /** In its short form (stable-hash.ts) when it is longer than an alias can carry. */
  readonly containerId: string;
  readonly ifname: string;
  readonly podUid: string;
  /** Path of the sandbox's network namespace. */
  readonly netns: string;
  /** Name of the host-side veth, at most 15 bytes, derived from the key. */
  readonly hostLink: string;
  /** Both MACs derive from the key, so a result can be told again without asking the kernel. */
  readonly hostMac: string;
  readonly podMac: string;
  /** Pod addresses without prefix length, at most one per family; they become /32 or /128. */
  readonly addresses: readonly string[];
  /** This node's router address per family: preferred source of the host routes. */
  readonly routerAddresses: readonly string[];
  readonly mtu: number;
  /** 0 for the first interface of a container; above 0: own route metric and source rule. */
  readonly order: number;
}

/** An attachment as read back from the kernel. */
export interface ObservedAttachment extends Omit<AttachmentPlan, "netns" | "podMac" | "routerAddresses"> {
  readonly state: AttachmentState;
  /** Inode of the sandbox's namespace when it was attached. */
  readonly netnsInode: string;
  /** Addresses that really have a host route through this link. */
  readonly routedAddresses: readonly string[];
}

/** What attaching learned from the kernel beyond the plan. */
export interface AttachedLinks {
  readonly netnsInode: string;
  /** How long it took, in order. */
  readonly parts?: readonly WorkPart[];
}

/** A piece of the kernel worker's work. */
export interface WorkPart {
  readonly name: string;
  readonly ms: number;
}

/** One difference between a plan and the kernel, for CHECK. */
export interface Mismatch {
  /** "link", "address", "route", "neighbour", "mtu", "hostRoute", "rule". */
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

/** The DEL of an attachment for which its runtime sends none. */
export function detachRequest({
  network,
  containerId,
  ifname,
  podUid,
}: Pick<AttachmentPlan, "network" | "containerId" | "ifname" | "podUid">): CniRequest {
  const pod = { namespace: "", name: "", uid: podUid };
  const fixed = { wire: cniProtocolVersion, command: "DEL", cniVersion: "1.1.0", netns: "" } as const;
  return { ...fixed, network, containerId, ifname, pod };
}
