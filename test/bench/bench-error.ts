/** What can go wrong in a benchmark, for callers to branch on. */
export type BenchErrorCode =
  | "BAD_OPTION"
  | "PLUGIN_FAILED"
  | "WRONG_RESULT"
  | "NOT_SETTLED"
  | "UNREADABLE_OUTPUT";

/** An error of a benchmark; the message is for people. */
export class BenchError extends Error {
  readonly code: BenchErrorCode;

  constructor(code: BenchErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BenchError";
    this.code = code;
  }
}
