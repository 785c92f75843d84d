/**
 * What the ELF gives the stub's script: C functions on a global object, because QuickJS's own std and os modules
 * have no sockets, no reads with a limit, and cost start-up time. A number that may be negative is 0 or -errno.
 */
interface System {
  /** All of stdin; -EFBIG past `maxBytes`, -ETIMEDOUT past `limitMs`. */
  readonly readAll: (limitMs: number, maxBytes: number) => string | number;
  /** One frame out, one line back; -ETIMEDOUT past `limitMs`, -EMSGSIZE past `maxBytes`, -ECONNRESET on an early end. */
  readonly exchange: (path: string, frame: string, limitMs: number, maxBytes: number) => string | number;
  readonly env: (name: string) => string | undefined;
  /** 0 a network namespace that is not this process's, 1 its own, 2 anything else, or -errno. */
  readonly netnsKind: (path: string) => number;
  readonly modifiedAtMs: (path: string) => number | undefined;
  readonly makeDirectory: (path: string) => number;
  readonly createFile: (path: string, text: string) => number;
  readonly rename: (from: string, to: string) => number;
  readonly remove: (path: string) => number;
  readonly nowMs: () => number;
  readonly wallClockMs: () => number;
  readonly sleep: (durationMs: number) => void;
  readonly processId: () => number;
  /** The system's words for an errno. */
  readonly describe: (error: number) => string;
  /** Writes both streams and ends the process. */
  readonly finish: (stdout: string, stderr: string, exitCode: number) => never;
  /** Set by the script: answers one call. */
  main: () => never;
}

declare const system: System;
