import { maxFrameBytes } from "../src/protocol/cni-protocol.ts";
import type { Exchanged, ExchangeFault, Input, NetnsKind, Platform } from "./platform.ts";

/** asm-generic/errno-base.h and errno.h; the same numbers on amd64 and arm64. */
const errno = {
  ENOENT: 2,
  EEXIST: 17,
  ENOTDIR: 20,
  EFBIG: 27,
  EPIPE: 32,
  ELOOP: 40,
  EMSGSIZE: 90,
  ECONNRESET: 104,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
} as const;

/** The stub's system as the ELF gives it. */
export const quickJsPlatform: Platform = {
  env: system.env,
  readInput,
  exchange: exchangeLine,
  inspectNetns,
  modifiedAtMs: system.modifiedAtMs,
  ensureDirectory: (path) => reasonUnless(system.makeDirectory(path), errno.EEXIST),
  createFile: (path, text) => reasonUnless(system.createFile(path, text)),
  rename: (from, to) => reasonUnless(system.rename(from, to)),
  remove: (path) => reasonUnless(system.remove(path), errno.ENOENT),
  nowMs: system.nowMs,
  wallClockMs: system.wallClockMs,
  sleep: system.sleep,
  processId: system.processId,
};

function readInput(limitMs: number, maxBytes: number): Input {
  const outcome = system.readAll(limitMs, maxBytes);
  if (typeof outcome === "string") return { ok: true, text: outcome };
  switch (-outcome) {
    case errno.ETIMEDOUT:
      return { ok: false, fault: "late", reason: "stdin was not closed in time" };
    case errno.EFBIG:
      return { ok: false, fault: "oversized", reason: `stdin holds more than ${maxBytes} bytes` };
    default:
      return { ok: false, fault: "failed", reason: system.describe(-outcome) };
  }
}

function exchangeLine(socketPath: string, frame: string, limitMs: number): Exchanged {
  const outcome = system.exchange(socketPath, frame, limitMs, maxFrameBytes);
  if (typeof outcome === "string") return { ok: true, line: outcome };
  return { ok: false, fault: faultOf(-outcome), reason: system.describe(-outcome) };
}

function faultOf(error: number): ExchangeFault {
  switch (error) {
    case errno.ENOENT:
    case errno.ECONNREFUSED:
      return "absent";
    case errno.ECONNRESET:
    case errno.EPIPE:
      return "lost";
    case errno.ETIMEDOUT:
      return "late";
    case errno.EMSGSIZE:
      return "oversized";
    default:
      return "failed";
  }
}

function inspectNetns(path: string): NetnsKind {
  switch (system.netnsKind(path)) {
    case 0:
      return "usable";
    case 1:
      return "own";
    case 2:
      return "notNamespace";
    case -errno.ENOENT:
    case -errno.ENOTDIR:
    case -errno.ELOOP:
      return "missing";
    default:
      return "unreadable";
  }
}

/** The system's words for -errno; undefined for 0 and for an error that is fine. */
function reasonUnless(outcome: number, fine = 0): string | undefined {
  return outcome >= 0 || -outcome === fine ? undefined : system.describe(-outcome);
}
