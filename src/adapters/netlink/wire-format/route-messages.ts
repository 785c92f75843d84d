import {
  addressBytes,
  addressFamily,
  familyNumber,
  familyOf,
  readAddress,
  readU32,
  u32,
} from "./attribute-values.ts";
import { NLM_F } from "./include/linux/netlink.ts";
import { RT_SCOPE, RTA, RTM, RTM_F, RTN, RTNH_F, rta_cacheinfo, rtmsg } from "./include/linux/rtnetlink.ts";
import { decodeAttributes, dumpOf, type NetlinkAttribute, type NetlinkMessage } from "./netlink-message.ts";
import { decodeStruct, encodeStruct } from "./struct.ts";

const typeNumbers = {
  unicast: RTN.UNICAST,
  local: RTN.LOCAL,
  broadcast: RTN.BROADCAST,
  multicast: RTN.MULTICAST,
  blackhole: RTN.BLACKHOLE,
  unreachable: RTN.UNREACHABLE,
  prohibit: RTN.PROHIBIT,
  throw: RTN.THROW,
} as const;
const typeNames: ReadonlyMap<number, string> = new Map(
  Object.entries(typeNumbers).map(([name, number]) => [number, name]),
);
const scopeNumbers = { universe: RT_SCOPE.UNIVERSE, link: RT_SCOPE.LINK, host: RT_SCOPE.HOST } as const;

/** What becomes of a packet. */
export type RouteType = keyof typeof typeNumbers;

/** A route of either family. */
export interface Route {
  readonly family: 4 | 6;
  readonly type: RouteType;
  /** "10.0.0.0/8"; the default route is "0.0.0.0/0" or "::/0". */
  readonly destination: string;
  readonly table: number;
  /** 0 when none. */
  readonly metric: number;
  /** Who made it (rtm_protocol). */
  readonly protocol: number;
  readonly linkIndex?: number;
  readonly gateway?: string;
  readonly preferredSource?: string;
  /** Gateway reachable though no route covers it (RTNH_F_ONLINK). */
  readonly onlink?: boolean;
  /** It ends by itself, as what a router advertised does (RTA_CACHEINFO, rta_expires). Read only. */
  readonly expires?: true;
  /** "link" for directly attached destinations; "universe" when absent. */
  readonly scope?: keyof typeof scopeNumbers;
}

/** RTM_NEWROUTE: `exclusive` refuses a second route for the same destination, table and metric (EEXIST); otherwise it is replaced. */
export function newRoute(route: Route, mode: "exclusive" | "replace"): NetlinkMessage {
  const flag = mode === "exclusive" ? NLM_F.EXCL : NLM_F.REPLACE;
  return message(RTM.NEWROUTE, NLM_F.CREATE | flag, route);
}

/** RTM_DELROUTE: matches on everything given; a route that is not there gives ESRCH. */
export function deleteRoute(route: Route): NetlinkMessage {
  return message(RTM.DELROUTE, 0, route);
}

/**
 * RTM_GETROUTE: all routes of all tables and both families, or those of one protocol on a socket with NETLINK_GET_STRICT_CHK
 * (netlink(7)).
 */
export function dumpRoutes(protocol = 0): NetlinkMessage {
  return dumpOf(RTM.GETROUTE, encodeStruct(rtmsg, { rtm_protocol: protocol }));
}

/** RTM_GETROUTE: asks which route a packet to `address` would take; the answer's type is "local" where it would be delivered. */
export function lookUpRoute(address: string): NetlinkMessage {
  const value = addressBytes(address);
  return {
    type: RTM.GETROUTE,
    flags: 0,
    header: encodeStruct(rtmsg, {
      rtm_family: addressFamily(familyOf(address)),
      rtm_dst_len: value.length * 8,
    }),
    attributes: [{ type: RTA.DST, value }],
  };
}

/** Payload of RTM_NEWROUTE and RTM_DELROUTE; undefined for what is no IP route of a known type. Throws NetlinkDecodeError. */
export function decodeRoute(payload: Buffer): Route | undefined {
  const header = decodeStruct(rtmsg, payload);
  const family = familyNumber(header.rtm_family);
  const type = routeTypeName(header.rtm_type);
  // Cached exceptions (path MTU, redirects) are no configuration.
  const cached = (header.rtm_flags & RTM_F.CLONED) !== 0;
  if (family === undefined || type === undefined || cached) return undefined;
  const attributes = decodeAttributes(payload, rtmsg.size);
  const destination = readAddress(attributes.get(RTA.DST)) ?? (family === 4 ? "0.0.0.0" : "::");
  const linkIndex = readU32(attributes.get(RTA.OIF));
  const gateway = readAddress(attributes.get(RTA.GATEWAY));
  const preferredSource = readAddress(attributes.get(RTA.PREFSRC));
  const cacheInfo = attributes.get(RTA.CACHEINFO);
  const expires = cacheInfo === undefined ? 0 : decodeStruct(rta_cacheinfo, cacheInfo).rta_expires;
  return {
    family,
    type,
    destination: `${destination}/${header.rtm_dst_len}`,
    table: readU32(attributes.get(RTA.TABLE)) ?? header.rtm_table,
    metric: readU32(attributes.get(RTA.PRIORITY)) ?? 0,
    protocol: header.rtm_protocol,
    ...(linkIndex === undefined ? {} : { linkIndex }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(preferredSource === undefined ? {} : { preferredSource }),
    ...((header.rtm_flags & RTNH_F.ONLINK) === 0 ? {} : { onlink: true }),
    ...(expires === 0 ? {} : { expires: true }),
    scope: scopeName(header.rtm_scope),
  };
}

function message(type: number, flags: number, route: Route): NetlinkMessage {
  const [address = "", length = "0"] = route.destination.split("/");
  const header = encodeStruct(rtmsg, {
    rtm_family: addressFamily(route.family),
    rtm_dst_len: Number(length),
    rtm_table: route.table < 256 ? route.table : 0,
    rtm_protocol: route.protocol,
    rtm_scope: scopeNumbers[route.scope ?? "universe"],
    rtm_type: typeNumbers[route.type],
    rtm_flags: route.onlink === true ? RTNH_F.ONLINK : 0,
  });
  const attributes: NetlinkAttribute[] = [{ type: RTA.TABLE, value: u32(route.table) }];
  if (length !== "0") attributes.push({ type: RTA.DST, value: addressBytes(address) });
  if (route.metric !== 0) attributes.push({ type: RTA.PRIORITY, value: u32(route.metric) });
  if (route.linkIndex !== undefined) attributes.push({ type: RTA.OIF, value: u32(route.linkIndex) });
  if (route.gateway !== undefined) attributes.push({ type: RTA.GATEWAY, value: addressBytes(route.gateway) });
  if (route.preferredSource !== undefined)
    attributes.push({ type: RTA.PREFSRC, value: addressBytes(route.preferredSource) });
  return { type, flags, header, attributes };
}

function routeTypeName(number: number): RouteType | undefined {
  return typeNames.get(number) as RouteType | undefined;
}

function scopeName(number: number): keyof typeof scopeNumbers {
  if (number === scopeNumbers.link) return "link";
  return number === scopeNumbers.host ? "host" : "universe";
}
