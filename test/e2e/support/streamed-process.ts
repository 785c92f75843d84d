import { spawn } from "node:child_process";
import type { CommandLine } from "../../lab/run-command.ts";
import { waitUntil } from "../../lab/wait-until.ts";

/** A process that says things while it runs. */
export interface StreamedProcess {
  /** What `find` makes of all that stdout has carried, as soon as that is something. Throws LabError NOT_READY. */
  heard<T>(what: string, find: (stdout: string) => T | undefined): Promise<T>;
  readonly stderr: () => string;
  /** Its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  signal(name: NodeJS.Signals): void;
}

const heardMs = 120_000;

export function streamedProcess([program, ...args]: CommandLine): StreamedProcess {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => {
      said[name] += text;
    });
  return {
    heard: (what, find) =>
      waitUntil(() => find(said.stdout), {
        what,
        timeoutMs: heardMs,
        explain: () => `${said.stdout.slice(-1_000)}\n${said.stderr}`,
      }),
    stderr: () => said.stderr,
    ended: new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    }),
    signal: (name) => void child.kill(name),
  };
}
