import { CommanderError } from "commander";
import { ConfigError } from "../config/config-error.ts";
import { HeadcniError } from "../domain/failure.ts";
import { version } from "../protocol/version.ts";
import { visible } from "../protocol/visible-text.ts";
import { CliError } from "./cli-error.ts";
import type { CliCall, CliCommand, CliTarget } from "./command.ts";
import { createDaemonClient } from "./daemon-client.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
import { textOf } from "./options/option-values.ts";
import { printDocument } from "./output/document.ts";
import { createProgress } from "./output/progress.ts";
import { createStyle, type Paper, wantsColour } from "./output/style.ts";
import { createProgram } from "./program.ts";
import { findSocketPath } from "./socket-path.ts";

/** The process around a command: its words, streams and environment. */
export interface CliProcess {
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: CliStream;
  readonly stderr: CliStream;
  readonly signal: AbortSignal;
}

export interface CliStream {
  write(text: string): void;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const widest = 100;

/** Runs one command line from its words to its exit code; whatever goes wrong becomes a message and a code. */
export async function runCommandLine(
  commands: readonly CliCommand[],
  { words, environment, stdout, stderr, signal }: CliProcess,
): Promise<ExitCode> {
  const isTerminal = stdout.isTTY === true;
  const refused = words.includes("--no-color");
  const paper: Paper = {
    style: createStyle(wantsColour({ isTerminal, refused, environment })),
    width: Math.min(widest, Math.max(40, stdout.columns ?? widest)),
  };
  const progress = createProgress({
    write: (text) => void stderr.write(text),
    isTerminal: stderr.isTTY === true,
  });
  try {
    let exitCode: ExitCode = exitCodes.usage;
    const program = createProgram({
      commands,
      execute: async (run, call) => {
        const target = targetOf(call.options, environment);
        const context = {
          out: (text: string) => {
            progress.end();
            stdout.write(`${text}\n`);
          },
          err: (text: string) => {
            progress.end();
            stderr.write(`${text}\n`);
          },
          json: call.options["output"] === "json",
          ...paper,
          isTerminal,
          progress,
          daemon: createDaemonClient(target.socketPath),
          target,
          environment,
          signal,
        };
        exitCode = await run({ ...call, context });
      },
      write: (text) => void stdout.write(text),
      ...paper,
    });
    if (words.length === 0) {
      program.outputHelp();
      return exitCodes.usage;
    }
    if (words[0] === "--version") {
      stdout.write(`headcnictl ${version}\n`);
      return exitCodes.ok;
    }
    await program.parseAsync([...words], { from: "user" });
    return exitCode;
  } catch (error) {
    progress.end();
    if (signal.aborted) return exitCodes.interrupted;
    const { exitCode, code, message } = judgeError(error);
    if (exitCode === exitCodes.ok) return exitCode;
    if (asksForJson(words)) stdout.write(`${printDocument("Error", { error: { code, message } })}\n`);
    stderr.write(`headcnictl: ${message}\n`);
    return exitCode;
  } finally {
    progress.end();
  }
}

function judgeError(error: unknown): {
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly message: string;
} {
  const code = error instanceof HeadcniError ? String(error.detail.code) : "FAILED";
  const message = visible(error instanceof Error ? error.message : String(error));
  // What was asked for, such as the help, has been printed.
  if (error instanceof CommanderError) return { exitCode: exitCodes.ok, code, message };
  if (error instanceof CliError) return { exitCode: error.exitCode, code, message };
  return { exitCode: error instanceof ConfigError ? exitCodes.usage : exitCodes.failed, code, message };
}

/** Before the words are parsed, for the errors of parsing itself. */
function asksForJson(words: readonly string[]): boolean {
  return words.some(
    (word, index) =>
      ["-ojson", "-o=json", "--output=json"].includes(word) ||
      (["-o", "--output"].includes(word) && words[index + 1] === "json"),
  );
}

function targetOf(options: CliCall["options"], environment: CliProcess["environment"]): CliTarget {
  const text = (name: string) => textOf(options[name]);
  const configFile = text("config") ?? "/etc/headcni/config.yaml";
  return {
    configFile,
    socketPath: text("socket") ?? findSocketPath(configFile, environment),
    kubeconfig: text("kubeconfig"),
    kubeContext: text("context"),
    namespace: text("namespace"),
    nodes: (text("node") ?? "").split(",").filter((name) => name !== ""),
    allNodes: options["allNodes"] === true,
  };
}
