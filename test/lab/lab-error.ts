/** What can go wrong in the lab, for callers to branch on. */
export type LabErrorCode =
  | "BAD_OPTION"
  | "BUILD_FAILED"
  | "COMMAND_FAILED"
  | "LEFT_BEHIND"
  | "NOT_READY"
  | "NOT_ROOT"
  | "NO_SUCH_LAB"
  | "NO_SUCH_NODE"
  | "NO_SUCH_POD"
  | "PROGRAM_MISSING";

/** An error of the lab; the message is for people and says what to do where that is known. */
export class LabError extends Error {
  readonly code: LabErrorCode;

  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "LabError";
    this.code = code;
  }
}
