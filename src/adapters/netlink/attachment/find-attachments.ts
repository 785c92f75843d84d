import { attachmentKey, type ObservedAttachment } from "../../../domain/attachment/attachment.ts";
import { type LinkAlias, parseLinkAlias } from "../../../domain/attachment/link-alias.ts";
import {
  attachmentLinkGroup,
  leavingLinkGroup,
  mainTable,
  podRouteMetric,
  routeProtocol,
} from "../../../domain/kernel/kernel-constants.ts";
import type { KernelLink, KernelRoute } from "../../../domain/kernel/kernel-state.ts";
import { NetlinkError, type NetlinkSocket } from "../netlink-socket.ts";
import { decodeLink, getLink } from "../wire-format/link-messages.ts";
import { decodeRoute, dumpRoutes } from "../wire-format/route-messages.ts";

/** A host-side veth of ours; without `alias` when that cannot be read. */
export interface FoundLink {
  readonly link: KernelLink;
  readonly alias?: LinkAlias;
}

export function isOurs(link: KernelLink): boolean {
  return link.group === attachmentLinkGroup || link.group === leavingLinkGroup;
}

export function findLinks(socket: NetlinkSocket): readonly FoundLink[] {
  return socket.query(getLink()).map(decodeLink).filter(isOurs).map(withAlias);
}

/** The link of that name if it is ours. */
export function findLink(socket: NetlinkSocket, name: string): FoundLink | undefined {
  const link = findAnyLink(socket, name);
  return link !== undefined && isOurs(link) ? withAlias(link) : undefined;
}

/** Any link of that name, whoever owns it. */
export function findAnyLink(socket: NetlinkSocket, name: string): KernelLink | undefined {
  try {
    const [payload] = socket.query(getLink({ name }));
    return payload === undefined ? undefined : decodeLink(payload);
  } catch (error) {
    if (error instanceof NetlinkError && error.detail.code === "REFUSED" && isAbsence(error.detail.errno))
      return undefined;
    throw error;
  }
}

/** All host routes to pods, by index of their link. */
export function findPodRoutes(socket: NetlinkSocket): ReadonlyMap<number, readonly KernelRoute[]> {
  const routes = socket
    .query(dumpRoutes(routeProtocol))
    .map(decodeRoute)
    .filter((route) => route !== undefined)
    .filter((route) => route.metric === podRouteMetric && route.table === mainTable);
  return Map.groupBy(routes, (route) => route.linkIndex ?? 0);
}

/** Undefined for a link whose alias says nothing. */
export function observedAttachment(
  found: FoundLink,
  routes: readonly KernelRoute[],
): ObservedAttachment | undefined {
  const { link, alias } = found;
  if (alias === undefined) return undefined;
  return {
    ...alias,
    key: attachmentKey(alias.containerId, alias.ifname),
    hostLink: link.name,
    hostMac: link.mac,
    mtu: link.mtu,
    routedAddresses: alias.addresses.filter((address) =>
      routes.some((route) => route.destination.split("/")[0] === address),
    ),
  };
}

function withAlias(link: KernelLink): FoundLink {
  const alias = parseLinkAlias(link.alias);
  return alias === undefined ? { link } : { link, alias };
}

/** ENODEV: no such link. ERANGE, EINVAL: a name that no link can have. */
function isAbsence(errno: string): boolean {
  return errno === "ENODEV" || errno === "ERANGE" || errno === "EINVAL";
}
