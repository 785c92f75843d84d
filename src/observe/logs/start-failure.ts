import { HeadcniError, toFailure } from "../../domain/failure.ts";
import { createLogger } from "./logger.ts";

/**
 * Says in one line of the log why a program does not run, without what must not be shown. What we throw on purpose explains
 * itself; a stack would only bury it.
 */
export function logStartFailure(program: string, error: unknown, secrets: readonly string[]): void {
  const { log, hide } = createLogger({ level: "fatal", base: { program } });
  for (const secret of secrets) hide(secret);
  const problems = error instanceof HeadcniError && "problems" in error.detail && error.detail.problems;
  log.fatal(
    error instanceof HeadcniError
      ? { failure: toFailure(error), ...(problems && { problems }) }
      : { err: error },
    "cannot start",
  );
}
