import { cString, macBytes, readMac, readString, readU32, u8, u32 } from "./attribute-values.ts";
import { IFF } from "./include/linux/if.ts";
import { IFLA, IFLA_INET6, IFLA_INFO, IN6_ADDR_GEN_MODE } from "./include/linux/if_link.ts";
import { NLM_F } from "./include/linux/netlink.ts";
import { ifinfomsg, RTEXT_FILTER, RTM } from "./include/linux/rtnetlink.ts";
import { VETH_INFO } from "./include/linux/veth.ts";
import { AF } from "./include/sys/socket.ts";
import {
  decodeAttributes,
  encodeAttributes,
  type NetlinkAttribute,
  type NetlinkMessage,
} from "./netlink-message.ts";
import { decodeStruct, encodeStruct } from "./struct.ts";

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
 * RTM_NEWLINK: a veth pair, both ends down, one queue each way. The kernel silently ignores an alias in this message, so the alias goes
 * into a `setLink` of the same batch.
 */
export function newVeth(host: VethEnd, peer: VethEnd): NetlinkMessage {
  const peerHeader = linkHeader(peer.index ?? 0);
  const peerValue = Buffer.concat([peerHeader, encodeAttributes(endAttributes(peer))]);
  return {
    type: RTM.NEWLINK,
    flags: NLM_F.CREATE | NLM_F.EXCL,
    header: linkHeader(host.index ?? 0),
    attributes: [
      ...endAttributes(host),
      {
        type: IFLA.LINKINFO,
        value: [
          { type: IFLA_INFO.KIND, value: cString("veth") },
          { type: IFLA_INFO.DATA, value: [{ type: VETH_INFO.PEER, value: peerValue }] },
        ],
      },
    ],
  };
}

/** What a link is called by: the index alone, or the name when no index is known. */
export type LinkReference = { readonly index: number } | { readonly name: string };

/** RTM_SETLINK: changes a link; `up` true or false brings it up or down, absent leaves it. */
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
    type: RTM.SETLINK,
    flags: 0,
    header: linkHeader("index" in link ? link.index : 0, change.up),
    attributes: [
      ...nameAttribute(link),
      ...(change.mtu === undefined ? [] : [{ type: IFLA.MTU, value: u32(change.mtu) }]),
      ...(change.group === undefined ? [] : [{ type: IFLA.GROUP, value: u32(change.group) }]),
      ...(change.alias === undefined ? [] : [{ type: IFLA.IFALIAS, value: Buffer.from(change.alias) }]),
      ...(change.noLinkLocal === undefined ? [] : [withoutLinkLocalAddress()]),
    ],
  };
}

/** RTM_DELLINK; ENODEV when there is none. */
export function deleteLink(link: LinkReference): NetlinkMessage {
  const index = "index" in link ? link.index : 0;
  return { type: RTM.DELLINK, flags: 0, header: linkHeader(index), attributes: nameAttribute(link) };
}

/** RTM_DELLINK: removes all links of a group in one go: one wait for RCU, not one each. ENODEV when there are none. */
export function deleteLinkGroup(group: number): NetlinkMessage {
  return {
    type: RTM.DELLINK,
    flags: 0,
    header: linkHeader(0),
    attributes: [{ type: IFLA.GROUP, value: u32(group) }],
  };
}

/** RTM_GETLINK: one link, or all of them (a dump) without a reference. Without counters, which are two thirds of the answer. */
export function getLink(link?: LinkReference): NetlinkMessage {
  return {
    type: RTM.GETLINK,
    flags: link === undefined ? NLM_F.DUMP : 0,
    header: linkHeader(link !== undefined && "index" in link ? link.index : 0),
    attributes: [
      ...(link === undefined ? [] : nameAttribute(link)),
      { type: IFLA.EXT_MASK, value: u32(RTEXT_FILTER.SKIP_STATS) },
    ],
  };
}

/** Payload of RTM_NEWLINK and RTM_DELLINK. Throws NetlinkDecodeError. */
export function decodeLink(payload: Buffer): Link {
  const header = decodeStruct(ifinfomsg, payload);
  const attributes = decodeAttributes(payload, ifinfomsg.size);
  const info = attributes.get(IFLA.LINKINFO);
  return {
    index: header.ifi_index,
    name: readString(attributes.get(IFLA.IFNAME)),
    mac: readMac(attributes.get(IFLA.ADDRESS)),
    mtu: readU32(attributes.get(IFLA.MTU)) ?? 0,
    up: (header.ifi_flags & IFF.UP) !== 0,
    group: readU32(attributes.get(IFLA.GROUP)) ?? 0,
    alias: readString(attributes.get(IFLA.IFALIAS)),
    kind: info === undefined ? "" : readString(decodeAttributes(info).get(IFLA_INFO.KIND)),
  };
}

function endAttributes(end: VethEnd): readonly NetlinkAttribute[] {
  return [
    { type: IFLA.IFNAME, value: cString(end.name) },
    { type: IFLA.MTU, value: u32(end.mtu) },
    { type: IFLA.NUM_TX_QUEUES, value: u32(1) },
    { type: IFLA.NUM_RX_QUEUES, value: u32(1) },
    ...(end.mac === undefined ? [] : [{ type: IFLA.ADDRESS, value: macBytes(end.mac) }]),
    ...(end.group === undefined ? [] : [{ type: IFLA.GROUP, value: u32(end.group) }]),
    ...(end.netnsFd === undefined ? [] : [{ type: IFLA.NET_NS_FD, value: u32(end.netnsFd) }]),
  ];
}

function nameAttribute(link: LinkReference): NetlinkAttribute[] {
  return "name" in link ? [{ type: IFLA.IFNAME, value: cString(link.name) }] : [];
}

function withoutLinkLocalAddress(): NetlinkAttribute {
  const mode = { type: IFLA_INET6.ADDR_GEN_MODE, value: u8(IN6_ADDR_GEN_MODE.NONE) };
  return { type: IFLA.AF_SPEC, value: [{ type: AF.INET6, value: [mode] }] };
}

function linkHeader(index: number, up?: boolean): Buffer {
  const flags = up === undefined ? {} : { ifi_flags: up ? IFF.UP : 0, ifi_change: IFF.UP };
  return encodeStruct(ifinfomsg, { ifi_index: index, ...flags });
}
