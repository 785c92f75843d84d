import { randomBytes } from "node:crypto";
import { errnoName } from "../errno.ts";
import { kernelRefused } from "../kernel-errors.ts";
import type { Libc } from "../libc.ts";
import { addressBytes, addressFamily, familyOf } from "../wire-format/attribute-values.ts";
import type { EchoRequest } from "../worker/kernel-commands.ts";
import { decodeEchoReply, encodeEchoRequest, socketAddress } from "./icmp-echo.ts";

/** Round trip in ms; undefined when nothing came back in time, or nothing could be sent for want of a way. */
type Settle = (roundTripMs: number | undefined) => void;

interface RunningEcho {
  readonly fd: number;
  readonly family: 4 | 6;
  readonly nonce: Buffer;
  readonly sentAt: number;
  readonly deadline: number;
  readonly settle: Settle;
}

/** Echo requests on their way: none of them keeps the thread, their sockets are waited on together with all others. */
export interface Echoes {
  /** Throws KernelRefusal when the socket cannot be made or bound (EADDRNOTAVAIL: `source` is not ours). */
  start(request: EchoRequest, settle: Settle): void;
  descriptors(): readonly number[];
  /** Time of the next deadline, as of `performance.now()`. */
  nextDeadline(): number | undefined;
  /** Reads what came and gives up what is late. */
  advance(): void;
  close(): void;
}

const rawNonblockCloexec = 3 | 0o4000 | 0o2000000;
const dontWait = 0x40;
const protocols = { 4: 1, 6: 58 } as const;
/** ICMP_FILTER (level SOL_RAW) and ICMP6_FILTER (level IPPROTO_ICMPV6): a set bit blocks that type. */
const filters = { 4: { level: 255, bytes: 4, reply: 0 }, 6: { level: 58, bytes: 32, reply: 129 } } as const;
const filterOption = 1;
/** No route, or one that says unreachable, prohibit (EACCES) or blackhole (EINVAL): an echo without answer. */
const noWay: ReadonlySet<string> = new Set([
  "ENETUNREACH",
  "EHOSTUNREACH",
  "ENETDOWN",
  "EACCES",
  "EPERM",
  "EINVAL",
  // Larger than the MTU of the way's first link, and not to be cut.
  "EMSGSIZE",
]);
/** IP_MTU_DISCOVER (level IPPROTO_IP) and IPV6_MTU_DISCOVER; PROBE: never cut, whatever is known of the path (ip(7)). */
const discover = { 4: { level: 0, option: 10 }, 6: { level: 41, option: 23 } } as const;
const discoverProbe = 3;
/** IP and ICMP headers before the data of an echo. */
const headersBytes = { 4: 28, 6: 48 } as const;

export function echoes(libc: Libc): Echoes {
  const running = new Set<RunningEcho>();

  const finish = (echo: RunningEcho, roundTripMs: number | undefined): void => {
    running.delete(echo);
    libc.close(echo.fd);
    echo.settle(roundTripMs);
  };

  const start = ({ source, destination, timeoutMs, bytes }: EchoRequest, settle: Settle): void => {
    const family = familyOf(destination);
    const fd = openEchoSocket(libc, family, source);
    if (bytes !== undefined) forbidCutting(libc, fd, family);
    const nonce = randomBytes(16);
    const padding = Buffer.alloc(Math.max(0, (bytes ?? 0) - headersBytes[family] - nonce.length));
    const data = Buffer.concat([nonce, padding]);
    const target = socketAddress(destination, addressBytes(destination));
    const packet = encodeEchoRequest(family, { identifier: nonce.readUInt16BE(0), sequence: 1, data });
    const sentAt = performance.now();
    const echo = { fd, family, nonce, sentAt, deadline: sentAt + timeoutMs, settle };
    running.add(echo);
    const sent = libc.connect(fd, target, target.length) === 0 && libc.send(fd, packet, packet.length, 0) > 0;
    if (sent) return;
    const errno = errnoName(libc.errno());
    if (!noWay.has(errno)) {
      running.delete(echo);
      libc.close(fd);
      throw kernelRefused("echo.send", { errno, text: "" });
    }
    finish(echo, undefined);
  };

  const isAnswered = (echo: RunningEcho): boolean => {
    const packet = Buffer.alloc(256);
    for (;;) {
      const length = libc.recv(echo.fd, packet, packet.length, dontWait);
      // Errors of the path (host unreachable) arrive here too: wait on, the deadline decides.
      if (length < 0) return false;
      const reply = decodeEchoReply(echo.family, packet.subarray(0, length));
      if (reply?.data.subarray(0, echo.nonce.length).equals(echo.nonce)) return true;
    }
  };

  return {
    start,
    descriptors: () => [...running].map((echo) => echo.fd),
    nextDeadline: () =>
      running.size === 0 ? undefined : Math.min(...[...running].map((echo) => echo.deadline)),
    advance: () => {
      for (const echo of [...running]) {
        if (isAnswered(echo)) finish(echo, performance.now() - echo.sentAt);
        else if (performance.now() >= echo.deadline) finish(echo, undefined);
      }
    },
    close: () => {
      for (const echo of [...running]) finish(echo, undefined);
    },
  };
}

function openEchoSocket(libc: Libc, family: 4 | 6, source: string): number {
  const fd = libc.socket(addressFamily(family), rawNonblockCloexec, protocols[family]);
  if (fd < 0) throw kernelRefused("echo.socket", { errno: errnoName(libc.errno()), text: "" });
  const { level, bytes, reply } = filters[family];
  const filter = Buffer.alloc(bytes, 0xff);
  const word = (reply >>> 5) * 4;
  filter.writeUInt32LE((filter.readUInt32LE(word) & ~(1 << (reply & 31))) >>> 0, word);
  const address = socketAddress(source, addressBytes(source));
  const ready =
    libc.setsockopt(fd, level, filterOption, filter, filter.length) === 0 &&
    libc.bind(fd, address, address.length) === 0;
  if (ready) return fd;
  const errno = errnoName(libc.errno());
  libc.close(fd);
  throw kernelRefused("echo.bind", { errno, text: "" });
}

function forbidCutting(libc: Libc, fd: number, family: 4 | 6): void {
  const { level, option } = discover[family];
  const value = Buffer.alloc(4);
  value.writeUInt32LE(discoverProbe);
  if (libc.setsockopt(fd, level, option, value, value.length) === 0) return;
  const errno = errnoName(libc.errno());
  libc.close(fd);
  throw kernelRefused("echo.setsockopt", { errno, text: "" });
}
