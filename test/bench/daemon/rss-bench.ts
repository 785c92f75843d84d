import { setTimeout as delay } from "node:timers/promises";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import type { Progress } from "../../lab/progress.ts";
import { attach, countVeths, detach, jobsFor, settled } from "../calls/attachments.ts";
import { labCandidate } from "../calls/lab-candidate.ts";
import { makeSandboxes, removeSandboxes } from "../calls/sandboxes.ts";
import { cpuSecondsOf, memoryOf, requireDaemon, restartDaemon } from "./daemon-runs.ts";

/** What a daemon costs while nothing happens. Decimal megabytes; CPU in percent of one core. */
export type IdleCost = {
  readonly pods: number;
  /** Of the daemon that the other benchmarks used, before its restart. */
  readonly usedRssMb: number;
  readonly rssMb: number;
  readonly peakRssMb: number;
  readonly idleCpuPercent: number;
};

/** Restarts a node's daemon, has it attach `pods` pods, lets it idle for `seconds` and says what it costs. */
export async function benchIdle(
  lab: Lab,
  node: LabNode,
  {
    pods,
    seconds,
    sandboxPrefix,
  }: { readonly pods: number; readonly seconds: number; readonly sandboxPrefix: string },
  progress: Progress,
): Promise<IdleCost> {
  const used = await memoryOf((await requireDaemon(lab, node)).pid);
  await restartDaemon(lab, node);
  const { pid } = await requireDaemon(lab, node);
  const candidate = await labCandidate(node);
  const veths = await countVeths(candidate);
  await removeSandboxes(sandboxPrefix);
  try {
    const sandboxes = await makeSandboxes(sandboxPrefix, pods);
    const { attachments } = await attach(candidate, jobsFor(sandboxes, "idle"), 10);
    progress(`RSS: ${pods} pods attached, ${seconds} s of idling`);
    const before = { cpu: await cpuSecondsOf(pid), at: performance.now() };
    await delay(seconds * 1000);
    const idleCpuPercent =
      ((await cpuSecondsOf(pid)) - before.cpu) / ((performance.now() - before.at) / 1000) / 0.01;
    const { rssMb, peakMb } = await memoryOf(pid);
    await detach(candidate, attachments, 10);
    await settled(candidate, veths);
    return { pods, usedRssMb: used.rssMb, rssMb, peakRssMb: peakMb, idleCpuPercent };
  } finally {
    await removeSandboxes(sandboxPrefix);
  }
}
