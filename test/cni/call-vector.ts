import type { DaemonScript } from "./scripted-daemon.ts";

/** One CNI call and what must come of it, whatever runs the stub's core. */
export interface CallVector {
  readonly title: string;
  readonly env: Readonly<Record<string, string>>;
  /** An object is written as JSON with the test's socketPath added, a string as it is. */
  readonly stdin: string | Readonly<Record<string, unknown>>;
  readonly expected: ExpectedSuccess | ExpectedError;
  /** Absent: a daemon is there and must not be asked. */
  readonly daemon?: DaemonScript;
  /** What the daemon must have understood, each time it was asked. */
  readonly request?: Readonly<Record<string, unknown>>;
  /** The request must be in the spool. */
  readonly spooled?: true;
}
interface ExpectedSuccess {
  readonly stdout: Readonly<Record<string, unknown>> | "";
}
interface ExpectedError {
  readonly code: number;
  readonly cniVersion: string;
  /** Words that the error's msg must contain. */
  readonly says: readonly string[];
}
