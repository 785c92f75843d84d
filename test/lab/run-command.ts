import { spawn } from "node:child_process";
import { LabError } from "./lab-error.ts";

/** How a command ended: its exit code (128 + n for a signal, as shells count) and all it printed. */
export type CommandResult = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** What a command gets besides its arguments. `onStderr` sees each piece of stderr as it comes. */
export type CommandOptions = {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  readonly onStderr?: (text: string) => void;
};

/** A command line: the program and its arguments. */
export type CommandLine = readonly [string, ...string[]];

/** Runs a command to its end and returns how it ended, whatever that was. Throws LabError only if it cannot start. */
export async function runResult(command: CommandLine, options: CommandOptions = {}): Promise<CommandResult> {
  const [program, ...args] = command;
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: "SIGKILL" }),
  });
  const stdout: string[] = [];
  const stderr: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout.push(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr.push(text);
    options.onStderr?.(text);
  });
  child.stdin.on("error", () => {
    // A program that does not read its input is no error of the caller.
  });
  child.stdin.end(options.input ?? "");
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", (cause: NodeJS.ErrnoException) =>
      reject(new LabError("PROGRAM_MISSING", `cannot run ${program}: ${cause.message}`, { cause })),
    );
    child.once("close", (code, signal) => resolve(code ?? 128 + (signal === "SIGKILL" ? 9 : 15)));
  });
  return { exitCode, stdout: stdout.join(""), stderr: stderr.join("") };
}

/** Runs a command and returns its stdout. Throws LabError COMMAND_FAILED with what it printed if it does not end with 0. */
export async function run(command: CommandLine, options: CommandOptions = {}): Promise<string> {
  const result = await runResult(command, options);
  if (result.exitCode === 0) return result.stdout;
  const said = (result.stderr.trim() || result.stdout.trim()).split("\n").slice(-20).join("\n");
  throw new LabError("COMMAND_FAILED", `${command.join(" ")}\nended with ${result.exitCode}: ${said}`);
}
