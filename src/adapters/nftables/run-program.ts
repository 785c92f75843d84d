import { execFile } from "node:child_process";
import { FirewallProgramError } from "./firewall-error.ts";

/** A program with its arguments, and what it reads. */
export interface ProgramCall {
  readonly program: string;
  readonly args: readonly string[];
  readonly input?: string;
  /** The program opens its stdin by name (/dev/stdin), which only a pipe allows: Node gives a child a socket. */
  readonly piped?: true;
  /** The network namespace it runs in; the caller's own when absent. */
  readonly netns?: string | undefined;
}

/** Far above what `nft` needs for 100,000 rules; a program that hangs must not hang the guard. */
const timeoutMs = 8_000;
/** A listing of so many rules takes some 30 MB. */
const maxOutputBytes = 100_000_000;

/** Runs a program to its end and gives its stdout. Throws FirewallProgramError PROGRAM_MISSING, REFUSED or CANCELLED. */
export async function runProgram(call: ProgramCall, signal?: AbortSignal): Promise<string> {
  const { program, args, input, piped, netns } = call;
  const [file = program, ...fileArgs] = [
    ...(netns === undefined ? [] : ["nsenter", `--net=${netns}`, "--"]),
    ...(piped === undefined ? [] : ["sh", "-c", 'cat | "$@"', "sh"]),
    program,
    ...args,
  ];
  const { error, stdout, stderr } = await execute(file, fileArgs, input, signal);
  if (error === null) return stdout;
  if (signal?.aborted === true)
    throw new FirewallProgramError(`${program} was cancelled`, { code: "CANCELLED" });
  // 127: nsenter or sh found its own way but not the program.
  if (error.code === "ENOENT" || (file !== program && error.code === 127))
    throw new FirewallProgramError(`${program} is not installed`, { code: "PROGRAM_MISSING", program });
  const text = error.killed ? `did not answer within ${timeoutMs / 1000} s` : firstLines(stderr);
  throw new FirewallProgramError(`${program} refused: ${text}`, { code: "REFUSED", program, text });
}

type Ended = {
  readonly error: { readonly code?: string | number | null; readonly killed?: boolean } | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** Node's own: the daemon starts 13 ms sooner and 5 MB smaller than with execa, which the tools use. */
function execute(
  file: string,
  args: readonly string[],
  input: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Ended> {
  const { PATH = "" } = process.env;
  // nft and iptables live in sbin, which a service's PATH may lack.
  const env = { ...process.env, PATH: `${PATH}:/usr/sbin:/sbin`, LC_ALL: "C" };
  const limits = { timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: maxOutputBytes } as const;
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      { ...limits, env, ...(signal === undefined ? {} : { signal }) },
      (error, stdout, stderr) => resolve({ error, stdout: stdout.trimEnd(), stderr }),
    );
    // A program that ends before it has read everything says why on stderr.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

function firstLines(text: string): string {
  return text.trim().split("\n").slice(0, 5).join("\n").slice(0, 1_000);
}
