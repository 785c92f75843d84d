import { readdir } from "node:fs/promises";
import { type CommandLine, run, runResult } from "../run-command.ts";

const namesFolder = "/run/netns";

/** The path by which a named network namespace is entered (ip-netns(8)). */
export function netnsPath(name: string): string {
  return `${namesFolder}/${name}`;
}

/**
 * The command line that runs `command` in a network namespace. nsenter, not `ip netns exec`: that one mounts its own
 * /sys, which hides the cgroup mounts from daemons, and a program in `command` keeps the pid of the whole line.
 */
export function inNetns(name: string, command: CommandLine): CommandLine {
  return ["nsenter", `--net=${netnsPath(name)}`, "--", ...command];
}

/** Makes a named network namespace with its loopback up. */
export async function addNetns(name: string): Promise<void> {
  await run(["ip", "netns", "add", name]);
  await run(["ip", "-n", name, "link", "set", "lo", "up"]);
}

/** Removes a named network namespace; one that is not there is no error. Processes in it keep it alive without the name. */
export async function removeNetns(name: string): Promise<void> {
  await runResult(["ip", "netns", "del", name]);
}

/** The named network namespaces whose name starts with `prefix`. */
export async function listNetns(prefix: string): Promise<readonly string[]> {
  const names = await readdir(namesFolder).catch(() => []);
  return names.filter((name) => name.startsWith(prefix)).sort();
}

/** Runs `ip -batch` lines in a namespace: all of them, or a LabError with the line that failed. */
export async function ipBatch(netns: string, lines: readonly string[]): Promise<void> {
  await run(["ip", "-n", netns, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

/** Sets `net.*` sysctls of a namespace. Keys as in sysctl(8). */
export async function setSysctls(netns: string, values: Readonly<Record<string, string>>): Promise<void> {
  const assignments = Object.entries(values).map(([key, value]) => `${key}=${value}`);
  await run(inNetns(netns, ["sysctl", "-q", "-w", ...assignments]));
}
