/** Why an exchange with the daemon brought no answer. */
export type ExchangeFault =
  /** No socket file, or nobody listens on it. */
  | "absent"
  /** The daemon took the connection and went away before it answered. */
  | "lost"
  /** The time was up. */
  | "late"
  /** The answer is longer than a frame may be. */
  | "oversized"
  /** Anything else the system said; `reason` has its words. */
  | "failed";

/** One request and its answer, or why there is none. */
export type Exchanged =
  | { readonly ok: true; readonly line: string }
  | { readonly ok: false; readonly fault: ExchangeFault; readonly reason: string };

/** All of stdin, or why it could not be read: not closed in time, too long, or refused by the system. */
export type Input =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly fault: "late" | "oversized" | "failed"; readonly reason: string };

/** What stands at a path that is said to be a network namespace; "own" is the one this process runs in. */
export type NetnsKind = "usable" | "own" | "missing" | "notNamespace" | "unreadable";

/**
 * What the stub needs of its system. The core knows nothing else, so the same code runs in QuickJS and in tests.
 * Every method is synchronous, returns within its limit and never throws. A file operation returns undefined when
 * it is done, else the system's words for why not.
 */
export interface Platform {
  /** An environment variable; undefined and "" mean the same to every caller. */
  readonly env: (name: string) => string | undefined;
  readonly readInput: (limitMs: number, maxBytes: number) => Input;
  /** Connects, sends one frame, reads one line (returned without its newline). */
  readonly exchange: (socketPath: string, frame: string, limitMs: number) => Exchanged;
  readonly inspectNetns: (path: string) => NetnsKind;
  /** Wall-clock time of the last change, milliseconds since the epoch; undefined when there is no such file. */
  readonly modifiedAtMs: (path: string) => number | undefined;
  /** Creates a directory for the owner only; one that exists is fine. */
  readonly ensureDirectory: (path: string) => string | undefined;
  /** Creates a file for the owner only; one that exists is a failure. */
  readonly createFile: (path: string, text: string) => string | undefined;
  readonly rename: (from: string, to: string) => string | undefined;
  /** Removes a file; one that is missing is fine. */
  readonly remove: (path: string) => string | undefined;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Milliseconds since the epoch, to compare with `modifiedAtMs` only. */
  readonly wallClockMs: () => number;
  readonly sleep: (durationMs: number) => void;
  readonly processId: () => number;
}
