import type { KernelSnapshot } from "../../domain/kernel-state.ts";
import { decodeAddress, dumpAddresses } from "./address-messages.ts";
import { decodeLink, getLink } from "./link-messages.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";
import { decodeRoute, dumpRoutes } from "./route-messages.ts";
import { decodeRule, dumpRules } from "./rule-messages.ts";

/** Four dumps; each is whole in itself, changes between them are told by notifications. */
export function observe(socket: NetlinkSocket): KernelSnapshot {
  return {
    links: socket.query(getLink()).map(decodeLink),
    addresses: socket.query(dumpAddresses()).flatMap((payload) => decodeAddress(payload) ?? []),
    routes: socket.query(dumpRoutes()).flatMap((payload) => decodeRoute(payload) ?? []),
    rules: socket.query(dumpRules()).flatMap((payload) => decodeRule(payload) ?? []),
  };
}
