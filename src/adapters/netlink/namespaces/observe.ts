import type { KernelSnapshot } from "../../../domain/kernel/kernel-state.ts";
import type { NetlinkSocket } from "../netlink-socket.ts";
import { decodeAddress, dumpAddresses } from "../wire-format/address-messages.ts";
import { decodeLink, getLink } from "../wire-format/link-messages.ts";
import { decodeNeighbour, dumpNeighbours, type Neighbour } from "../wire-format/neighbour-messages.ts";
import { decodeRoute, dumpRoutes } from "../wire-format/route-messages.ts";
import { decodeRule, dumpRules } from "../wire-format/rule-messages.ts";

/** Four dumps; each is whole in itself, changes between them are told by notifications. */
export function observe(socket: NetlinkSocket): KernelSnapshot {
  return {
    links: socket.query(getLink()).map(decodeLink),
    addresses: socket.query(dumpAddresses()).flatMap((payload) => decodeAddress(payload) ?? []),
    routes: socket.query(dumpRoutes()).flatMap((payload) => decodeRoute(payload) ?? []),
    rules: socket.query(dumpRules()).flatMap((payload) => decodeRule(payload) ?? []),
  };
}

/** The neighbour table, without the entries of families other than IP. */
export function observeNeighbours(socket: NetlinkSocket): readonly Neighbour[] {
  return socket.query(dumpNeighbours()).flatMap((payload) => decodeNeighbour(payload) ?? []);
}
