import type { AttachmentPlan } from "../../../domain/attachment/attachment.ts";
import type { NetlinkSocket } from "../netlink-socket.ts";
import { familyOf } from "../wire-format/attribute-values.ts";
import { decodeRoute, lookUpRoute } from "../wire-format/route-messages.ts";

const pauseMs = 0.1;
const limitMs = 50;

/**
 * Waits until the pod takes packets for its IPv6 addresses. The kernel finishes an IPv6 address in a work queue (addrconf_dad_work
 * in net/ipv6/addrconf.c), also one without duplicate detection: usually within 0.1 ms, on a busy machine later, and
 * until then it drops what arrives. Gives up after 50 ms: the attachment is whole anyway.
 */
export function settleAddresses(socket: NetlinkSocket, plan: AttachmentPlan): void {
  const end = performance.now() + limitMs;
  const waiting = plan.addresses.filter((address) => familyOf(address) === 6);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (!waiting.every((address) => isDelivered(socket, address)) && performance.now() < end)
    Atomics.wait(pause, 0, 0, pauseMs);
}

function isDelivered(socket: NetlinkSocket, address: string): boolean {
  const [payload] = socket.query(lookUpRoute(address));
  return payload !== undefined && decodeRoute(payload)?.type === "local";
}
