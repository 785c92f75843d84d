import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Runs a program and gives its standard output; rejects when it fails. */
export async function run(program: string, ...args: string[]): Promise<string> {
  return (await execute(program, args)).stdout;
}

/** Like `run`, with `input` on standard input. */
export async function runWithInput(input: string, program: string, ...args: string[]): Promise<string> {
  const running = execute(program, args);
  running.child.stdin?.end(input);
  return (await running).stdout;
}

/** Whether the program ended with success. */
export async function succeeds(program: string, ...args: string[]): Promise<boolean> {
  return execute(program, args).then(
    () => true,
    () => false,
  );
}

/** Of ip(8)'s JSON rows what the tests read. */
export interface IpRow {
  readonly ifname?: string;
  readonly ifalias?: string;
  readonly addr_info?: readonly { readonly local?: string }[];
  readonly dst?: string;
  readonly prefsrc?: string;
  readonly dev?: string;
  readonly priority?: number;
  readonly src?: string;
}

/** `ip -n NETNS -json ARGS`, parsed. */
export async function ipJson(netns: string, ...args: string[]): Promise<readonly IpRow[]> {
  const text = await run("ip", "-n", netns, "-json", ...args);
  return text.trim() === "" ? [] : JSON.parse(text);
}
