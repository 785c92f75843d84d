import {
  addressBytes,
  addressFamily,
  familyNumber,
  familyOf,
  readAddress,
  readU32,
  u32,
} from "./attribute-values.ts";
import {
  decodeAttributes,
  dumpOf,
  fixedHeader,
  messageFlags,
  type NetlinkAttribute,
  type NetlinkMessage,
} from "./netlink-message.ts";

/** RTM_*ROUTE of linux/rtnetlink.h. */
export const routeType = { new: 24, delete: 25, get: 26 } as const;

/** RTA_* of linux/rtnetlink.h. */
const attribute = {
  destination: 1,
  linkIndex: 4,
  gateway: 5,
  priority: 6,
  preferredSource: 7,
  cacheInfo: 12,
  table: 15,
} as const;
const typeNumbers = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
} as const;
const typeNames: ReadonlyMap<number, string> = new Map(
  Object.entries(typeNumbers).map(([name, number]) => [number, name]),
);
const scopeNumbers = { universe: 0, link: 253, host: 254 } as const;
const onlinkFlag = 4;
/** RTM_F_CLONED: cached exceptions (path MTU, redirects), which are no configuration. */
const clonedFlag = 0x200;
/** Of rta_expires in struct rta_cacheinfo. */
const expiresOffset = 8;
const headerLength = 12;

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

/** `exclusive` refuses a second route for the same destination, table and metric (EEXIST); otherwise it is replaced. */
export function newRoute(route: Route, mode: "exclusive" | "replace"): NetlinkMessage {
  const flag = mode === "exclusive" ? messageFlags.excl : messageFlags.replace;
  return message(routeType.new, messageFlags.create | flag, route);
}

/** Matches on everything given; a route that is not there gives ESRCH. */
export function deleteRoute(route: Route): NetlinkMessage {
  return message(routeType.delete, 0, route);
}

/** All routes of all tables and both families, or those of one protocol where the socket asks for strict checks. */
export function dumpRoutes(protocol = 0): NetlinkMessage {
  const header = Buffer.alloc(headerLength);
  header.writeUInt8(protocol, 5);
  return dumpOf(routeType.get, header);
}

/** Asks which route a packet to `address` would take; the answer's type is "local" where it would be delivered. */
export function lookUpRoute(address: string): NetlinkMessage {
  const header = Buffer.alloc(headerLength);
  const value = addressBytes(address);
  header.writeUInt8(addressFamily(familyOf(address)), 0);
  header.writeUInt8(value.length * 8, 1);
  return { type: routeType.get, flags: 0, header, attributes: [{ type: attribute.destination, value }] };
}

/** Payload of RTM_NEWROUTE and RTM_DELROUTE; undefined for what is no IP route of a known type. Throws NetlinkDecodeError. */
export function decodeRoute(payload: Buffer): Route | undefined {
  const header = fixedHeader(payload, headerLength);
  const family = familyNumber(header.readUInt8(0));
  const type = routeTypeName(header.readUInt8(7));
  const flags = header.readUInt32LE(8);
  if (family === undefined || type === undefined || (flags & clonedFlag) !== 0) return undefined;
  const attributes = decodeAttributes(payload, headerLength);
  const destination = readAddress(attributes.get(attribute.destination)) ?? (family === 4 ? "0.0.0.0" : "::");
  const linkIndex = readU32(attributes.get(attribute.linkIndex));
  const gateway = readAddress(attributes.get(attribute.gateway));
  const preferredSource = readAddress(attributes.get(attribute.preferredSource));
  const expires = readU32(attributes.get(attribute.cacheInfo)?.subarray(expiresOffset)) ?? 0;
  return {
    family,
    type,
    destination: `${destination}/${header.readUInt8(1)}`,
    table: readU32(attributes.get(attribute.table)) ?? header.readUInt8(4),
    metric: readU32(attributes.get(attribute.priority)) ?? 0,
    protocol: header.readUInt8(5),
    ...(linkIndex === undefined ? {} : { linkIndex }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(preferredSource === undefined ? {} : { preferredSource }),
    ...((flags & onlinkFlag) === 0 ? {} : { onlink: true }),
    ...(expires === 0 ? {} : { expires: true }),
    scope: scopeName(header.readUInt8(6)),
  };
}

function message(type: number, flags: number, route: Route): NetlinkMessage {
  const [address = "", length = "0"] = route.destination.split("/");
  const header = Buffer.alloc(headerLength);
  header.writeUInt8(addressFamily(route.family), 0);
  header.writeUInt8(Number(length), 1);
  header.writeUInt8(route.table < 256 ? route.table : 0, 4);
  header.writeUInt8(route.protocol, 5);
  header.writeUInt8(scopeNumbers[route.scope ?? "universe"], 6);
  header.writeUInt8(typeNumbers[route.type], 7);
  header.writeUInt32LE(route.onlink === true ? onlinkFlag : 0, 8);
  const attributes: NetlinkAttribute[] = [{ type: attribute.table, value: u32(route.table) }];
  if (length !== "0") attributes.push({ type: attribute.destination, value: addressBytes(address) });
  if (route.metric !== 0) attributes.push({ type: attribute.priority, value: u32(route.metric) });
  if (route.linkIndex !== undefined)
    attributes.push({ type: attribute.linkIndex, value: u32(route.linkIndex) });
  if (route.gateway !== undefined)
    attributes.push({ type: attribute.gateway, value: addressBytes(route.gateway) });
  if (route.preferredSource !== undefined)
    attributes.push({ type: attribute.preferredSource, value: addressBytes(route.preferredSource) });
  return { type, flags, header, attributes };
}

function routeTypeName(number: number): RouteType | undefined {
  return typeNames.get(number) as RouteType | undefined;
}

function scopeName(number: number): "universe" | "link" | "host" {
  if (number === scopeNumbers.link) return "link";
  return number === scopeNumbers.host ? "host" : "universe";
}
