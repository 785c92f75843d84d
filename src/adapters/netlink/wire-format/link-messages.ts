import { cString, macBytes, readMac, readString, readU32, u8, u32 } from "./attribute-values.ts";
import {
  decodeAttributes,
  encodeAttributes,
  fixedHeader,
  messageFlags,
  type NetlinkAttribute,
  type NetlinkMessage,
} from "./netlink-message.ts";

/** RTM_*LINK of linux/rtnetlink.h. */
export const linkType = { new: 16, delete: 17, get: 18, set: 19 } as const;

/** IFLA_* of linux/if_link.h. */
const attribute = {
  address: 1,
  name: 3,
  mtu: 4,
  linkInfo: 18,
  alias: 20,
  afSpec: 26,
  group: 27,
  netnsFd: 28,
  extMask: 29,
  txQueues: 31,
  rxQueues: 32,
} as const;
const infoKind = 1;
const infoData = 2;
const vethPeer = 1;
const afInet6 = 10;
const inet6AddressGeneration = 8;
const addressGenerationNone = 1;
/** RTEXT_FILTER_SKIP_STATS: dumps without counters are a third of the size. */
const skipStatistics = 1 << 3;
const ifaceUp = 0x1;
const headerLength = 16;

/** A network interface. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** "02:00:00:00:00:01"; empty for links without a hardware address. */
  readonly mac: string;
  /** Bytes. */
  readonly mtu: number;
  /** Told to be up (IFF_UP), whether or not it has a carrier. */
  readonly up: boolean;
  readonly group: number;
  readonly alias: string;
  /** IFLA_INFO_KIND: "veth", "tun", "bridge"; empty for physical links. */
  readonly kind: string;
}

/** One end of a veth pair. */
export interface VethEnd {
  /** The index to take; both ends must choose, or the kernel ignores the peer's. */
  readonly index?: number;
  readonly name: string;
  readonly mac?: string;
  readonly mtu: number;
  readonly group?: number;
  /** An open file descriptor of the namespace where this end is made; the socket's own when absent. */
  readonly netnsFd?: number;
}

/**
 * A veth pair, both ends down, one queue each way. The kernel silently ignores an alias in this message, so the alias goes
 * into a `setLink` of the same batch.
 */
export function newVeth(host: VethEnd, peer: VethEnd): NetlinkMessage {
  const peerHeader = linkHeader(peer.index ?? 0);
  const peerValue = Buffer.concat([peerHeader, encodeAttributes(endAttributes(peer))]);
  return {
    type: linkType.new,
    flags: messageFlags.create | messageFlags.excl,
    header: linkHeader(host.index ?? 0),
    attributes: [
      ...endAttributes(host),
      {
        type: attribute.linkInfo,
        value: [
          { type: infoKind, value: cString("veth") },
          { type: infoData, value: [{ type: vethPeer, value: peerValue }] },
        ],
      },
    ],
  };
}

/** What a link is called by: the index alone, or the name when no index is known. */
export type LinkReference = { readonly index: number } | { readonly name: string };

/** Changes a link; `up` true or false brings it up or down, absent leaves it. */
export function setLink(
  link: LinkReference,
  change: {
    readonly alias?: string;
    readonly group?: number;
    readonly mtu?: number;
    readonly up?: boolean;
    /** No IPv6 link-local address is made when the link comes up. */
    readonly noLinkLocal?: true;
  },
): NetlinkMessage {
  return {
    type: linkType.set,
    flags: 0,
    header: linkHeader("index" in link ? link.index : 0, change.up),
    attributes: [
      ...nameAttribute(link),
      ...(change.mtu === undefined ? [] : [{ type: attribute.mtu, value: u32(change.mtu) }]),
      ...(change.group === undefined ? [] : [{ type: attribute.group, value: u32(change.group) }]),
      ...(change.alias === undefined ? [] : [{ type: attribute.alias, value: Buffer.from(change.alias) }]),
      ...(change.noLinkLocal === undefined ? [] : [withoutLinkLocalAddress()]),
    ],
  };
}

export function deleteLink(link: LinkReference): NetlinkMessage {
  const index = "index" in link ? link.index : 0;
  return { type: linkType.delete, flags: 0, header: linkHeader(index), attributes: nameAttribute(link) };
}

/** Removes all links of a group in one go: one wait for RCU, not one each. ENODEV when there are none. */
export function deleteLinkGroup(group: number): NetlinkMessage {
  return {
    type: linkType.delete,
    flags: 0,
    header: linkHeader(0),
    attributes: [{ type: attribute.group, value: u32(group) }],
  };
}

/** One link, or all when no reference is given (then it must be sent as a dump). */
export function getLink(link?: LinkReference): NetlinkMessage {
  return {
    type: linkType.get,
    flags: link === undefined ? messageFlags.dump : 0,
    header: linkHeader(link !== undefined && "index" in link ? link.index : 0),
    attributes: [
      ...(link === undefined ? [] : nameAttribute(link)),
      { type: attribute.extMask, value: u32(skipStatistics) },
    ],
  };
}

/** Payload of RTM_NEWLINK and RTM_DELLINK. Throws NetlinkDecodeError. */
export function decodeLink(payload: Buffer): Link {
  const header = fixedHeader(payload, headerLength);
  const attributes = decodeAttributes(payload, headerLength);
  const info = attributes.get(attribute.linkInfo);
  return {
    index: header.readInt32LE(4),
    name: readString(attributes.get(attribute.name)),
    mac: readMac(attributes.get(attribute.address)),
    mtu: readU32(attributes.get(attribute.mtu)) ?? 0,
    up: (header.readUInt32LE(8) & ifaceUp) !== 0,
    group: readU32(attributes.get(attribute.group)) ?? 0,
    alias: readString(attributes.get(attribute.alias)),
    kind: info === undefined ? "" : readString(decodeAttributes(info).get(infoKind)),
  };
}

function endAttributes(end: VethEnd): readonly NetlinkAttribute[] {
  return [
    { type: attribute.name, value: cString(end.name) },
    { type: attribute.mtu, value: u32(end.mtu) },
    { type: attribute.txQueues, value: u32(1) },
    { type: attribute.rxQueues, value: u32(1) },
    ...(end.mac === undefined ? [] : [{ type: attribute.address, value: macBytes(end.mac) }]),
    ...(end.group === undefined ? [] : [{ type: attribute.group, value: u32(end.group) }]),
    ...(end.netnsFd === undefined ? [] : [{ type: attribute.netnsFd, value: u32(end.netnsFd) }]),
  ];
}

function nameAttribute(link: LinkReference): NetlinkAttribute[] {
  return "name" in link ? [{ type: attribute.name, value: cString(link.name) }] : [];
}

function withoutLinkLocalAddress(): NetlinkAttribute {
  const mode = { type: inet6AddressGeneration, value: u8(addressGenerationNone) };
  return { type: attribute.afSpec, value: [{ type: afInet6, value: [mode] }] };
}

/** struct ifinfomsg. */
function linkHeader(index: number, up?: boolean): Buffer {
  const header = Buffer.alloc(headerLength);
  header.writeInt32LE(index, 4);
  if (up !== undefined) {
    header.writeUInt32LE(up ? ifaceUp : 0, 8);
    header.writeUInt32LE(ifaceUp, 12);
  }
  return header;
}
