import { execa } from "execa";
import { CliError } from "./cli-error.ts";

const longestMs = 120_000;

/** Runs a program to its end, at most two minutes, and gives its stdout. Throws CliError FAILED with what it said. */
export async function runChild(command: readonly string[], signal: AbortSignal): Promise<string> {
  const [program = "", ...args] = command;
  const ended = await execa(program, args, {
    cancelSignal: signal,
    timeout: longestMs,
    killSignal: "SIGKILL",
    reject: false,
  });
  if (!ended.failed) return ended.stdout;
  const said = ended.stderr?.trim() || ended.shortMessage;
  throw new CliError("FAILED", `${program} ${args.at(-1) ?? ""} failed: ${said}`, ended.cause);
}
