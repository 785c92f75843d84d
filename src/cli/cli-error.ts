import { HeadcniError } from "../domain/failure.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";

export type CliFailure =
  | { readonly code: "USAGE" }
  | { readonly code: "DAEMON_UNREACHABLE"; readonly where: string }
  | { readonly code: "NOT_FOUND" }
  | { readonly code: "INTERRUPTED" }
  | { readonly code: "FAILED" };

/** Ends a command; the message is for the person at the terminal: what was wrong, where, what would be right. */
export class CliError extends HeadcniError<CliFailure> {}

export function exitCodeOf(failure: CliFailure): ExitCode {
  switch (failure.code) {
    case "USAGE":
      return exitCodes.usage;
    case "DAEMON_UNREACHABLE":
      return exitCodes.unreachable;
    case "NOT_FOUND":
      return exitCodes.notFound;
    case "INTERRUPTED":
      return exitCodes.interrupted;
    case "FAILED":
      return exitCodes.failed;
    default: {
      const unhandled: never = failure;
      return unhandled;
    }
  }
}
