import { HeadcniError } from "../domain/failure.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";

/** With what each failure ends the command. */
const exitCodeByFailure = {
  USAGE: exitCodes.usage,
  DAEMON_UNREACHABLE: exitCodes.unreachable,
  NOT_FOUND: exitCodes.notFound,
  FAILED: exitCodes.failed,
} as const;

export type CliFailureCode = keyof typeof exitCodeByFailure;

/** Ends a command; the message is for the person at the terminal: what was wrong, where, what would be right. */
export class CliError extends HeadcniError<{ readonly code: CliFailureCode }> {
  constructor(code: CliFailureCode, message: string, cause?: unknown) {
    super(message, { code }, { cause });
  }

  get exitCode(): ExitCode {
    return exitCodeByFailure[this.detail.code];
  }
}
