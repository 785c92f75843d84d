import { allCommands } from "../../src/cli/all-commands.ts";
import type { CliCommand } from "../../src/cli/command.ts";
import { runCommandLine } from "../../src/cli/run-command-line.ts";

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command line in this process, without a terminal unless `terminal` says how wide it is. */
export async function runWords(
  words: readonly string[],
  options: {
    readonly commands?: readonly CliCommand[];
    readonly environment?: Readonly<Record<string, string>>;
    readonly terminal?: number;
    readonly signal?: AbortSignal;
    /** Hears of what is written to stdout, while the command runs. */
    readonly heard?: (text: string) => void;
  } = {},
): Promise<Ran> {
  const written = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
      if (name === "stdout") options.heard?.(text);
    },
    ...(options.terminal !== undefined && { isTTY: true, columns: options.terminal }),
  });
  const exitCode = await runCommandLine(options.commands ?? allCommands, {
    words,
    environment: options.environment ?? {},
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    signal: options.signal ?? new AbortController().signal,
  });
  return { exitCode, ...written };
}
