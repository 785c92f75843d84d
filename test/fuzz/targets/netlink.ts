import type { Libc } from "../../../src/adapters/netlink/libc.ts";
import { listFlows } from "../../../src/adapters/netlink/namespaces/flows.ts";
import { nftablesChanges, tableChanges } from "../../../src/adapters/netlink/namespaces/nftables-changes.ts";
import { routeChange } from "../../../src/adapters/netlink/namespaces/route-changes.ts";
import {
  NetlinkError,
  openNetlinkSocket,
  readRefusal,
} from "../../../src/adapters/netlink/netlink-socket.ts";
import { decodeAddress } from "../../../src/adapters/netlink/wire-format/address-messages.ts";
import { decodeLink, getLink } from "../../../src/adapters/netlink/wire-format/link-messages.ts";
import { decodeNeighbour } from "../../../src/adapters/netlink/wire-format/neighbour-messages.ts";
import { NetlinkDecodeError } from "../../../src/adapters/netlink/wire-format/netlink-decode-error.ts";
import { decodeMessages } from "../../../src/adapters/netlink/wire-format/netlink-message.ts";
import { decodeRoute } from "../../../src/adapters/netlink/wire-format/route-messages.ts";
import { decodeRule } from "../../../src/adapters/netlink/wire-format/rule-messages.ts";
import { type FuzzTargetSource, wordsOf } from "../fuzz-target.ts";

const eagain = 11;
const decoders = [decodeLink, decodeAddress, decodeRoute, decodeRule, decodeNeighbour];

/** A kernel that answers one request with the input. */
function kernelThatSays(input: Buffer): Libc {
  let left: Buffer | undefined = input;
  const known: Partial<Libc> = {
    errno: () => eagain,
    socket: () => 3,
    setsockopt: () => 0,
    bind: () => 0,
    getsockname: () => 0,
    send: (_fd, data) => data.length,
    recv: (_fd, data) => {
      if (left === undefined) return -1;
      const length = left.copy(data);
      left = undefined;
      return length;
    },
    close: () => 0,
  };
  return known as Libc;
}

function declared(error: unknown): string | undefined {
  if (error instanceof NetlinkDecodeError) return error.detail.code;
  return error instanceof NetlinkError
    ? `${error.detail.code} ${"errno" in error.detail ? error.detail.errno : ""}`
    : undefined;
}

/** Whether conntrack's answers tell of a flow of an address. */
function flowsIn(payloads: readonly Buffer[]): boolean {
  const sockets = { requests: { query: () => [] }, nftables: { query: () => payloads } };
  return listFlows(sockets, ["10.244.1.2"]).length > 0;
}

/** The input is what one `recv` gives. */
export const netlink: FuzzTargetSource = {
  words: ["lo\0", "veth\0", "headcni1 ready headcni c1 eth0 - 4026531840 10.244.1.2 1"],
  open: () => ({
    run(input) {
      const messages = () => decodeMessages(input);
      return [
        wordsOf(() => openNetlinkSocket(kernelThatSays(input)).transact([getLink()]), declared),
        wordsOf(() => openNetlinkSocket(kernelThatSays(input)).batch(10, [getLink()]), declared),
        wordsOf(() => openNetlinkSocket(kernelThatSays(input)).query(getLink()).length > 0, declared),
        wordsOf(() => readRefusal(messages()), declared),
        wordsOf(() => nftablesChanges("node", 7)(messages()), declared),
        wordsOf(() => tableChanges("headcni_allowlist")(messages()), declared),
        wordsOf(() => flowsIn(messages().map(({ payload }) => payload)), declared),
        ...new Set(
          [
            ...decoders,
            ...decoders.map((decode) => (payload: Buffer) => decode(payload.subarray(0, -1))),
          ].map((decode) => wordsOf(() => messages().map(({ payload }) => decode(payload)), declared)),
        ),
        wordsOf(() => messages().map((message) => routeChange("node", message, 7)), declared),
      ].join(" | ");
    },
  }),
};
