import { execa } from "execa";
import { FirewallProgramError } from "./firewall-error.ts";

/** A program with its arguments, and what it reads. */
export interface ProgramCall {
  readonly program: string;
  readonly args: readonly string[];
  readonly input?: string;
  /** The network namespace it runs in; the caller's own when absent. */
  readonly netns?: string | undefined;
}

/** Far above what `nft` needs for 100,000 rules; a program that hangs must not hang the guard. */
const timeoutMs = 8_000;

/** Runs a program to its end and gives its stdout. Throws FirewallProgramError PROGRAM_MISSING, REFUSED or CANCELLED. */
export async function runProgram(call: ProgramCall, signal?: AbortSignal): Promise<string> {
  const { program, args, input, netns } = call;
  const [file, fileArgs] =
    netns === undefined ? [program, args] : ["nsenter", [`--net=${netns}`, "--", program, ...args]];
  const { PATH = "" } = process.env;
  const result = await execa(file, fileArgs, {
    reject: false,
    timeout: timeoutMs,
    killSignal: "SIGKILL",
    // nft and iptables live in sbin, which a service's PATH may lack.
    env: { PATH: `${PATH}:/usr/sbin:/sbin`, LC_ALL: "C" },
    ...(input === undefined ? { stdin: "ignore" as const } : { input }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  if (!result.failed) return result.stdout;
  if (result.isCanceled) throw new FirewallProgramError(`${program} was cancelled`, { code: "CANCELLED" });
  // 127: nsenter found its own way but not the program.
  if (result.code === "ENOENT" || (netns !== undefined && result.exitCode === 127))
    throw new FirewallProgramError(`${program} is not installed`, { code: "PROGRAM_MISSING", program });
  const text = result.timedOut ? `gave no answer within ${timeoutMs / 1000} s` : firstLines(result.stderr);
  throw new FirewallProgramError(`${program} refused: ${text}`, { code: "REFUSED", program, text });
}

function firstLines(text: string): string {
  return text.trim().split("\n").slice(0, 5).join("\n").slice(0, 1_000);
}
