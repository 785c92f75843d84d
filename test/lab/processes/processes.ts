import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, readlinkSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { LabError } from "../lab-error.ts";
import { inNetns } from "../network/netns.ts";
import type { CommandLine } from "../run-command.ts";
import { waitUntil } from "../wait-until.ts";
import { tailOf } from "./log-tail.ts";

/** One process, beyond doubt: a pid alone may since belong to another. `startTime` is field 22 of /proc/PID/stat (proc(5)). */
export type ProcessIdentity = { readonly pid: number; readonly startTime: string };

/** A process the lab started, as recorded in its `processes` folder. */
export type ProcessRecord = ProcessIdentity & {
  readonly name: string;
  readonly command: CommandLine;
  readonly logFile: string;
};

/** What to start: where it runs, what it gets and where its output goes (appended). */
export type ProcessStart = {
  readonly name: string;
  readonly netns: string;
  readonly command: CommandLine;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** The command line stays as the parent of the program (nsenter and unshare do with a pid namespace): the child is recorded. */
  readonly forks?: boolean;
};

/** The identity of the process that has `pid` now, or undefined if it is gone or a zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the name in parentheses and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const startTime = fields[19];
    return fields[0] === "Z" || fields[0] === "X" || startTime === undefined ? undefined : { pid, startTime };
  } catch {
    return undefined;
  }
}

/** The first child of a process, or undefined if it has none (proc_pid_task(5)). */
export function childOf(pid: number): ProcessIdentity | undefined {
  try {
    const [first = ""] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    return first === "" ? undefined : identify(Number(first));
  } catch {
    return undefined;
  }
}

/** The path of the program that a process runs now; undefined if it is gone. */
export function programOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}

/** True while exactly this process runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

/**
 * Starts a process that outlives this one, in a network namespace, and records it in `folder`. One that still runs under that name is
 * ended first: without a record nobody would end it.
 */
export async function startProcess(folder: string, start: ProcessStart): Promise<ProcessRecord> {
  const former = await readProcess(folder, start.name);
  if (former !== undefined) await endProcess(former);
  const [program, ...args] = inNetns(start.netns, start.command);
  const { PATH = "" } = process.env;
  const log = openSync(start.logFile, "a");
  const child = spawn(program, args, {
    detached: true,
    stdio: ["ignore", log, log],
    env: { PATH, HOME: "/nonexistent", ...start.env },
  });
  closeSync(log);
  const { pid } = child;
  const identity = pid === undefined ? undefined : await identityOf(pid, start);
  if (identity === undefined)
    throw new LabError("COMMAND_FAILED", `${start.name} did not start; see ${start.logFile}`);
  child.unref();
  const record = { name: start.name, ...identity, command: start.command, logFile: start.logFile };
  await mkdir(folder, { recursive: true });
  const file = recordFile(folder, start.name);
  await writeFile(`${file}.new`, JSON.stringify(record));
  await rename(`${file}.new`, file);
  return record;
}

async function identityOf(pid: number, start: ProcessStart): Promise<ProcessIdentity | undefined> {
  const parent = identify(pid);
  if (start.forks !== true || parent === undefined) return parent;
  const child = () => {
    if (!isAlive(parent)) throw new LabError("COMMAND_FAILED", `${start.name} ended; see ${start.logFile}`);
    return childOf(pid);
  };
  return await waitUntil(child, { what: `the start of ${start.name}`, timeoutMs: 60_000, everyMs: 5 });
}

/** The record of a process by its name, whether it still runs or not; undefined if none was ever started. */
export async function readProcess(folder: string, name: string): Promise<ProcessRecord | undefined> {
  try {
    return JSON.parse(await readFile(recordFile(folder, name), "utf8")) as ProcessRecord;
  } catch {
    return undefined;
  }
}

/** The process with that name. Throws LabError NOT_READY with the end of its log if it does not run. */
export async function requireAlive(folder: string, name: string): Promise<ProcessRecord> {
  const record = await readProcess(folder, name);
  if (record !== undefined && isAlive(record)) return record;
  const log = record === undefined ? "it was never started" : await tailOf(record.logFile);
  throw new LabError("NOT_READY", `${name} does not run; ${log}`);
}

/** All records of a folder. */
export async function listProcesses(folder: string): Promise<readonly ProcessRecord[]> {
  const files = await readdir(folder).catch(() => []);
  const names = files.filter((file) => file.endsWith(".json")).map((file) => basename(file, ".json"));
  const records = await Promise.all(names.map((name) => readProcess(folder, name)));
  return records.filter((record) => record !== undefined);
}

/** Sends a signal to exactly this process; false if it is gone. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch {
    return false;
  }
}

/** Ends a process and waits for its end: SIGTERM and, after `graceMs`, SIGKILL. With `graceMs` 0 SIGKILL at once. */
export async function endProcess(identity: ProcessIdentity, graceMs = 5000): Promise<void> {
  const gone = (timeoutMs: number) =>
    waitUntil(() => !isAlive(identity), {
      what: `the end of process ${identity.pid}`,
      timeoutMs,
      everyMs: 10,
    });
  if (graceMs > 0 && signalProcess(identity, "SIGTERM")) {
    await gone(graceMs).catch(() => undefined);
  }
  if (signalProcess(identity, "SIGKILL")) await gone(10_000);
}

function recordFile(folder: string, name: string): string {
  return join(folder, `${name}.json`);
}
