import { readFile } from "node:fs/promises";
import { daemonProcess, startDaemon, waitForDaemon } from "../../lab/headcni/daemon.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { endProcess, type ProcessRecord } from "../../lab/processes/processes.ts";
import { BenchError } from "../bench-error.ts";

/** The daemon of a node. Throws BenchError NOT_SETTLED if it does not run. */
export async function requireDaemon(lab: Lab, node: LabNode): Promise<ProcessRecord> {
  const record = await daemonProcess(lab, node);
  if (record !== undefined) return record;
  throw new BenchError("NOT_SETTLED", `the daemon of ${node.name} does not run; see ${node.logFile}`);
}

/** Ends a node's daemon: asked with SIGTERM (it drains), or killed. */
export async function endDaemon(lab: Lab, node: LabNode, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  await endProcess(await requireDaemon(lab, node), signal === "SIGTERM" ? 20_000 : 0);
}

/** Starts a node's daemon again after SIGTERM, with more options for Node in front of its program, and waits until it serves. */
export async function restartDaemon(
  lab: Lab,
  node: LabNode,
  nodeOptions: readonly string[] = [],
): Promise<void> {
  await endDaemon(lab, node, "SIGTERM");
  await startDaemon(withNodeOptions(lab, nodeOptions), node);
  await waitForDaemon(lab, node);
}

function withNodeOptions(lab: Lab, nodeOptions: readonly string[]): Lab {
  if (lab.daemon === undefined) return lab;
  const [program, ...args] = lab.daemon;
  return { ...lab, daemon: [program, ...nodeOptions, ...args] };
}

/** Memory of a process in decimal megabytes (proc_pid_status(5)): resident now, and the most it ever was. */
export async function memoryOf(pid: number): Promise<{ readonly rssMb: number; readonly peakMb: number }> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const megabytes = (field: string) => {
    const [, kibibytes] = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status) ?? [];
    return (Number(kibibytes) * 1024) / 1e6;
  };
  return { rssMb: megabytes("VmRSS"), peakMb: megabytes("VmHWM") };
}

/** CPU time that a process and its threads have used so far, in seconds (proc_pid_stat(5); USER_HZ is 100 on every Linux). */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
