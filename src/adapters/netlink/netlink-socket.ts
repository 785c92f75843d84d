import { HeadcniError } from "../../domain/failure.ts";
import { errnoName } from "./errno.ts";
import type { Libc } from "./libc.ts";
import { NFNL_MSG, nfgenmsg } from "./wire-format/include/linux/netfilter/nfnetlink.ts";
import { NLM_F, NLMSG } from "./wire-format/include/linux/netlink.ts";
import {
  decodeError,
  decodeMessages,
  encodeMessages,
  type NetlinkMessage,
  type ReceivedMessage,
} from "./wire-format/netlink-message.ts";
import { encodeStruct } from "./wire-format/struct.ts";

/** Why the kernel refused one message of a batch. */
export interface Refusal {
  /** Position of the message in the batch. */
  readonly index: number;
  readonly errno: string;
  /** The kernel's own words (extended acknowledgement); empty when it gave none. */
  readonly text: string;
}

export class NetlinkError extends HeadcniError<
  | { readonly code: "SYSCALL_FAILED"; readonly call: string; readonly errno: string }
  | { readonly code: "REFUSED"; readonly errno: string; readonly text: string }
  | { readonly code: "NO_ANSWER" }
> {}

const netlinkRoute = 0;
export const netlinkNetfilter = 12;

const afNetlink = 16;
const sockRaw = 3;
const sockCloexec = 0o2000000;
const sockNonblock = 0o4000;
const solSocket = 1;
const sendBufferForce = 32;
const receiveBufferForce = 33;
const solNetlink = 270;
const netlinkOption = { capAck: 10, extAck: 11, strictCheck: 12 } as const;
const dontWait = 0x40;
/** A datagram of a dump grows to this, where the reader offers the room (netlink_dump in af_netlink.c). */
const dumpBytes = 32 * 1024;
/** Enough for acknowledgements and for the least the kernel puts in one datagram of a dump. */
export const smallInputBytes = 8 * 1024;
const maximumDumpRetries = 5;

/**
 * A netlink socket. It stays in the network namespace in which its thread stood when it was made, whatever the thread does
 * later. Requests are processed by the kernel inside `send`, so answers are there when it returns.
 */
export interface NetlinkSocket {
  readonly fd: number;
  /** The kernel stamps notifications that this socket's requests cause with this number. */
  readonly portId: number;
  /** Sends one batch and gives the refusals; the kernel goes on after a refused message. Throws NetlinkError. */
  transact(messages: readonly NetlinkMessage[]): readonly Refusal[];
  /**
   * Sends the messages as one transaction of a subsystem of nfnetlink: all are done, or none. Gives the refusals, none when it is done. At
   * least one message. Throws NetlinkError.
   */
  batch(subsystem: number, messages: readonly NetlinkMessage[]): readonly Refusal[];
  /** Sends one request and gives the payloads of its answers, whole even when the table changed meanwhile. */
  query(message: NetlinkMessage): readonly Buffer[];
  /** What waits in the socket, at most one datagram; undefined when empty, "overrun" when the kernel had to drop some. */
  receive(): readonly ReceivedMessage[] | undefined | "overrun";
  close(): void;
}

export interface NetlinkSocketOptions {
  /** NETLINK_ROUTE unless said otherwise. */
  readonly protocol?: number;
  /** Multicast groups to hear, as bits. */
  readonly groups?: number;
  /** What the kernel may keep for us, beyond the system's limit. */
  readonly receiveBufferBytes?: number;
  /** What one send may have, beyond the system's limit. */
  readonly sendBufferBytes?: number;
  /** Our own buffer: what one read can take. */
  readonly inputBytes?: number;
}

export function openNetlinkSocket(libc: Libc, options: NetlinkSocketOptions = {}): NetlinkSocket {
  const fd = libc.socket(afNetlink, sockRaw | sockCloexec | sockNonblock, options.protocol ?? netlinkRoute);
  if (fd < 0) throw syscallFailed(libc, "socket");
  const fail = (call: string): never => {
    const error = syscallFailed(libc, call);
    libc.close(fd);
    throw error;
  };
  const set = (level: number, option: number, value: number): void => {
    if (libc.setsockopt(fd, level, option, int32(value), 4) < 0) fail("setsockopt");
  };
  set(solNetlink, netlinkOption.extAck, 1);
  set(solNetlink, netlinkOption.capAck, 1);
  set(solNetlink, netlinkOption.strictCheck, 1);
  if (options.receiveBufferBytes !== undefined)
    set(solSocket, receiveBufferForce, options.receiveBufferBytes);
  if (options.sendBufferBytes !== undefined) set(solSocket, sendBufferForce, options.sendBufferBytes);
  const address = Buffer.alloc(12);
  address.writeUInt16LE(afNetlink, 0);
  address.writeUInt32LE(options.groups ?? 0, 8);
  if (libc.bind(fd, address, address.length) < 0) fail("bind");
  if (libc.getsockname(fd, address, Uint32Array.of(address.length)) < 0) fail("getsockname");
  const input = Buffer.allocUnsafeSlow(options.inputBytes ?? dumpBytes);
  return netlinkSocket(libc, { fd, portId: address.readUInt32LE(4), input });
}

function netlinkSocket(
  libc: Libc,
  { fd, portId, input }: Pick<NetlinkSocket, "fd" | "portId"> & { readonly input: Buffer },
): NetlinkSocket {
  let sequence = 1;

  const receive = (): readonly ReceivedMessage[] | undefined | "overrun" => {
    const length = libc.recv(fd, input, input.length, dontWait);
    if (length >= 0) return decodeMessages(Buffer.from(input.subarray(0, length)));
    const errno = errnoName(libc.errno());
    if (errno === "EAGAIN") return undefined;
    if (errno === "ENOBUFS") return "overrun";
    if (errno === "EINTR") return receive();
    throw syscallFailed(libc, "recv", errno);
  };

  const send = (messages: readonly NetlinkMessage[]): { readonly first: number; readonly last: number } => {
    const first = sequence;
    sequence = (sequence + messages.length) >>> 0 || 1;
    const data = encodeMessages(messages, first);
    while (libc.send(fd, data, data.length, 0) < 0) {
      const errno = errnoName(libc.errno());
      if (errno !== "EINTR") throw syscallFailed(libc, "send", errno);
    }
    return { first, last: first + messages.length - 1 };
  };

  const answers = function* (first: number, last: number): Generator<ReceivedMessage> {
    for (;;) {
      const received = receive();
      if (received === undefined || received === "overrun")
        throw new NetlinkError("the kernel sent no acknowledgement", { code: "NO_ANSWER" });
      for (const message of received)
        if (message.sequence >= first && message.sequence <= last) yield message;
    }
  };

  const transact = (messages: readonly NetlinkMessage[]): readonly Refusal[] => {
    const { first, last } = send(messages);
    const refusals: Refusal[] = [];
    for (const message of answers(first, last)) {
      if (message.type !== NLMSG.ERROR) continue;
      refusals.push(...refusal(message, message.sequence - first));
      if (message.sequence === last) break;
    }
    return refusals;
  };

  const batch = (subsystem: number, messages: readonly NetlinkMessage[]): readonly Refusal[] => {
    const bound = (type: number): NetlinkMessage => ({
      type,
      flags: 0,
      header: batchHeader(subsystem),
      attributes: [],
    });
    const asked = messages.map((message, at) =>
      at === messages.length - 1 ? { ...message, flags: message.flags | NLM_F.ACK } : message,
    );
    const { first, last } = send([bound(NFNL_MSG.BATCH_BEGIN), ...asked, bound(NFNL_MSG.BATCH_END)]);
    const answered: ReceivedMessage[] = [];
    // Kernels before 6.10 do not acknowledge the end, so it is not waited for: all answers are there by now.
    for (let received = receive(); received !== undefined; received = receive())
      if (received !== "overrun")
        answered.push(
          ...received.filter(
            ({ type, sequence }) => type === NLMSG.ERROR && sequence >= first && sequence <= last,
          ),
        );
    if (answered.length === 0)
      throw new NetlinkError("the kernel sent no acknowledgement", { code: "NO_ANSWER" });
    return answered.flatMap((message) => refusal(message, Math.max(0, message.sequence - first - 1)));
  };

  const queryOnce = (message: NetlinkMessage): readonly Buffer[] | "interrupted" => {
    const { first, last } = send([message]);
    const payloads: Buffer[] = [];
    let interrupted = false;
    for (const answer of answers(first, last)) {
      if ((answer.flags & NLM_F.DUMP_INTR) !== 0 && (answer.flags & NLM_F.MULTI) !== 0) interrupted = true;
      if (answer.type === NLMSG.DONE) break;
      if (answer.type !== NLMSG.ERROR) {
        payloads.push(answer.payload);
        continue;
      }
      const [found] = refusal(answer, 0);
      if (found === undefined) break;
      throw refused(found);
    }
    return interrupted ? "interrupted" : payloads;
  };

  const query = (message: NetlinkMessage): readonly Buffer[] => {
    for (let attempt = 0; attempt < maximumDumpRetries; attempt++) {
      const payloads = queryOnce(message);
      if (payloads !== "interrupted") return payloads;
    }
    throw new NetlinkError("the kernel's table changed during every dump", { code: "NO_ANSWER" });
  };

  return { fd, portId, transact, batch, query, receive, close: () => libc.close(fd) };
}

/** The subsystem is the resource, in network order. */
function batchHeader(subsystem: number): Uint8Array {
  return encodeStruct(nfgenmsg, { res_id: ((subsystem & 0xff) << 8) | (subsystem >> 8) });
}

function refused(refusal: Refusal): NetlinkError {
  const { errno, text } = refusal;
  return new NetlinkError(text === "" ? errno : `${errno}: ${text}`, { code: "REFUSED", errno, text });
}

/** The refusal among the answers to a single message, if there is one. */
export function readRefusal(messages: readonly ReceivedMessage[]): Refusal | undefined {
  const message = messages.find(({ type }) => type === NLMSG.ERROR);
  return message === undefined ? undefined : refusal(message, 0)[0];
}

/** None in an acknowledgement. Throws NetlinkDecodeError. */
function refusal(message: ReceivedMessage, index: number): readonly Refusal[] {
  const { errno, text } = decodeError(message);
  return errno === 0 ? [] : [{ index, errno: errnoName(errno), text }];
}

function syscallFailed(libc: Libc, call: string, errno = errnoName(libc.errno())): NetlinkError {
  return new NetlinkError(`${call} failed: ${errno}`, { code: "SYSCALL_FAILED", call, errno });
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}
