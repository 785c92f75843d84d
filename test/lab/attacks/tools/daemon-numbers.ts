import { readFileSync } from "node:fs";
import { daemonGet, liveMachines } from "../../headcni/daemon-pages.ts";
import { LabError } from "../../lab-error.ts";
import type { Lab, LabNode } from "../../lab-types.ts";
import { serviceProcess } from "../../services.ts";

/** The sum of the samples of a counter on a node's /metrics, whatever their labels; 0 if it never counted. */
export async function counterSum(node: LabNode, name: string): Promise<number> {
  const { body } = await daemonGet(node, "/metrics");
  return sumOf(body, name);
}

/** The same out of a page in Prometheus' text format. */
export function sumOf(page: string, name: string): number {
  const samples = page
    .split("\n")
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

/** The state of the guard of a node's daemon. */
export async function guardState(node: LabNode): Promise<string> {
  const guard = (await liveMachines(node)).find(({ machine }) => machine === "guard");
  if (guard === undefined) throw new LabError("NOT_READY", `the daemon of ${node.name} has no guard`);
  return guard.state;
}

/** What a node's daemon has of the machine: decimal MB that are resident, and CPU seconds since its start (proc_pid_stat(5)). */
export async function daemonUsage(
  lab: Lab,
  node: LabNode,
): Promise<{ readonly rssMb: number; readonly cpuSeconds: number }> {
  const daemon = await serviceProcess(lab, { name: "daemon", node: node.name });
  if (daemon === undefined) throw new LabError("NOT_READY", `the daemon of ${node.name} does not run`);
  const status = readFileSync(`/proc/${daemon.pid}/status`, "utf8");
  const stat = readFileSync(`/proc/${daemon.pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticksPerSecond = 100;
  return {
    rssMb: (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
  };
}
