import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { TailscaledProcess } from "../../ports/tailnet.ts";

const goneEveryMs = 20;

/** Field 22 of /proc/PID/stat (proc_pid_stat(5)) of a live process; undefined for none and for zombies. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The second field is the name in parentheses and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

/** Whether exactly this process runs. */
async function isRunning(process: TailscaledProcess): Promise<boolean> {
  return (await startTimeOf(process.pid)) === process.startTime;
}

/** Signals exactly this process, and resolves once it is gone. */
export async function endProcess(
  process_: TailscaledProcess,
  how: "SIGTERM" | "SIGKILL",
  signal: AbortSignal,
): Promise<void> {
  if (!(await isRunning(process_))) return;
  try {
    process.kill(process_.pid, how);
  } catch (error) {
    // It may have ended between the look and the signal.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
  while (await isRunning(process_)) await delay(goneEveryMs, undefined, { signal });
}

/** A process in a file: "PID STARTTIME". */
export async function readRecord(file: string): Promise<TailscaledProcess | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  const [, pid, startTime] = /^(\d{1,10}) (\d{1,20})\n?$/.exec(text) ?? [];
  return pid === undefined || startTime === undefined ? undefined : { pid: Number(pid), startTime };
}
