import { LabError } from "../test/lab/lab-error.ts";

/** Prints for a person why a command did nothing, and sets exit code 1. Throws what is a bug: any other error. */
export function reportRefusal(error: unknown): void {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const badOption = code.startsWith("ERR_PARSE_ARGS");
  if (!(error instanceof Error) || !(badOption || error instanceof LabError)) throw error;
  process.stderr.write(badOption ? `${error.message}; --help names the options\n` : `${error.message}\n`);
  process.exitCode = 1;
}
