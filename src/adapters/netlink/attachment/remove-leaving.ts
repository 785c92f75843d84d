import { leavingLinkGroup } from "../../../domain/kernel/kernel-constants.ts";
import { kernelRefused } from "../kernel-errors.ts";
import type { Libc } from "../libc.ts";
import { openNetlinkSocket, readRefusal, smallInputBytes } from "../netlink-socket.ts";
import { deleteLinkGroup } from "../wire-format/link-messages.ts";
import { encodeMessages } from "../wire-format/netlink-message.ts";

const operation = "links.remove";

/**
 * Deletes the links of the leaving group with one request. It waits for RCU (about 16 ms, however many links), so it runs on
 * a thread of its own. Throws KernelRefusal.
 */
export async function removeLeaving(libc: Libc): Promise<void> {
  const socket = openNetlinkSocket(libc, { inputBytes: smallInputBytes });
  try {
    const sent = Promise.withResolvers<void>();
    const request = encodeMessages([deleteLinkGroup(leavingLinkGroup)], 1);
    libc.sendAsync(socket.fd, request, (error, bytes) => {
      if (error === null && bytes >= 0) sent.resolve();
      else sent.reject(error ?? kernelRefused(operation, { errno: "EIO", text: "it could not be sent" }));
    });
    await sent.promise;
    const received = socket.receive();
    const refusal = received === undefined || received === "overrun" ? undefined : readRefusal(received);
    // ENODEV: no link is in the group (they went with their sandboxes).
    if (refusal !== undefined && refusal.errno !== "ENODEV") throw kernelRefused(operation, refusal);
  } finally {
    socket.close();
  }
}
