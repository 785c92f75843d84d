import { execFile } from "node:child_process";
import { CliError } from "./cli-error.ts";

const longestMs = 120_000;

/** Runs a program to its end, at most two minutes, and gives its stdout. Throws CliError FAILED with what it said. */
export function runChild(command: readonly string[], signal: AbortSignal): Promise<string> {
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      { signal, timeout: longestMs, killSignal: "SIGKILL" },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const said = stderr.trim() || error.message;
        reject(
          new CliError(
            `${program} ${args.at(-1) ?? ""} failed: ${said}`,
            { code: "FAILED" },
            { cause: error },
          ),
        );
      },
    );
  });
}
