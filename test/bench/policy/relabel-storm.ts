import { setTimeout as delay } from "node:timers/promises";
import { cpuSecondsOf, memoryOf, requireDaemon } from "../daemon/daemon-runs.ts";
import type { PolicyBed } from "./policy-bed.ts";
import { relabelCall } from "./policy-load.ts";

/** What a storm of relabels cost the daemon that it cost most. Decimal megabytes; CPU in percent of one core. */
export type RelabelCost = {
  readonly relabelsPerSecond: number;
  readonly cpuPercent: number;
  readonly rssMb: number;
  readonly peakRssMb: number;
};

/** Relabels pods that are elsewhere, `perSecond` of them for `seconds`; `meanwhile` runs beside it and may last longer. */
export async function relabelStorm(
  { lab, api }: PolicyBed,
  { perSecond, seconds }: { readonly perSecond: number; readonly seconds: number },
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<RelabelCost> {
  const pids = await Promise.all(lab.nodes.map(async (node) => (await requireDaemon(lab, node)).pid));
  const before = await Promise.all(pids.map(cpuSecondsOf));
  const start = performance.now();
  const calls: Promise<unknown>[] = [];
  const beside = meanwhile();
  for (let count = 0; count < perSecond * seconds; count += 1) {
    const wait = start + (count * 1000) / perSecond - performance.now();
    if (wait > 0) await delay(wait);
    calls.push(api.call(...relabelCall()));
  }
  await Promise.all(calls);
  const elapsed = (performance.now() - start) / 1000;
  const after = await Promise.all(pids.map(cpuSecondsOf));
  await beside;
  const memory = await Promise.all(pids.map(memoryOf));
  return {
    relabelsPerSecond: calls.length / elapsed,
    cpuPercent: Math.max(...after.map((used, index) => ((used - (before[index] ?? 0)) / elapsed) * 100)),
    rssMb: Math.max(...memory.map(({ rssMb }) => rssMb)),
    peakRssMb: Math.max(...memory.map(({ peakMb }) => peakMb)),
  };
}
