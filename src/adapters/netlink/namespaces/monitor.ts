import type { KernelChange, NamespaceName } from "../../../domain/kernel/kernel-state.ts";
import type { Libc } from "../libc.ts";
import { type NetlinkSocket, netlinkNetfilter, openNetlinkSocket } from "../netlink-socket.ts";
import type { ReceivedMessage } from "../wire-format/netlink-message.ts";
import { nftablesChanges } from "./nftables-changes.ts";
import { routeChange } from "./route-changes.ts";

/**
 * Multicast groups as bits: RTMGRP_* of linux/rtnetlink.h (RTNLGRP_IPV6_RULE is number 19, RTNLGRP_IPV4_NETCONF and
 * RTNLGRP_IPV6_NETCONF are 24 and 25), NFNLGRP_NFTABLES (7).
 */
const routeGroups = 0x1 | 0x10 | 0x100 | 0x40 | 0x400 | 0x80 | (1 << 18) | (1 << 23) | (1 << 24);
export const nftablesGroups = 1 << 6;
/** A burst of routes (tailscaled starting in a big tailnet) must fit until we get to read. */
export const receiveBufferBytes = 8 * 1024 * 1024;

/** The sockets that hear of changes in one namespace. */
export interface MonitorSockets {
  /** To wait on with poll(). */
  readonly descriptors: readonly number[];
  /** Everything heard since the last time, our own doing left out. */
  drain(): readonly KernelChange[];
  close(): void;
}

/** To be called inside the namespace. `own`: the sockets that carry our requests there. */
export function openMonitor(
  libc: Libc,
  name: NamespaceName,
  own: { readonly requests: NetlinkSocket; readonly nftables: NetlinkSocket },
): MonitorSockets {
  const routes = openNetlinkSocket(libc, { groups: routeGroups, receiveBufferBytes });
  const nftables = openNetlinkSocket(libc, {
    protocol: netlinkNetfilter,
    groups: nftablesGroups,
    receiveBufferBytes,
  });
  const readNftables = nftablesChanges(name, own.nftables.portId);
  const readRoutes = (messages: readonly ReceivedMessage[]): readonly KernelChange[] =>
    messages
      .map((message) => routeChange(name, message, own.requests.portId))
      .filter((change) => change !== undefined);
  return {
    descriptors: [routes.fd, nftables.fd],
    drain: () => [...drainSocket(routes, name, readRoutes), ...drainSocket(nftables, name, readNftables)],
    close: () => {
      routes.close();
      nftables.close();
    },
  };
}

function drainSocket(
  socket: NetlinkSocket,
  namespace: NamespaceName,
  read: (messages: readonly ReceivedMessage[]) => readonly KernelChange[],
): readonly KernelChange[] {
  const changes: KernelChange[] = [];
  for (;;) {
    const received = socket.receive();
    if (received === undefined) return changes;
    if (received === "overrun") changes.push({ namespace, what: "overrun", removed: false, subject: "" });
    else changes.push(...read(received));
  }
}
