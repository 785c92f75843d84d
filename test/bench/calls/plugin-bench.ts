import type { Progress } from "../../lab/progress.ts";
import { percentile, rotated } from "../report/statistics.ts";
import { attach, countVeths, detach, jobsFor, proveReachable, settled } from "./attachments.ts";
import type { Candidate } from "./candidate.ts";
import type { DriverResult } from "./driver.ts";
import { makeSandboxes, removeSandboxes, type Sandbox } from "./sandboxes.ts";

/** The two ways that calls come: one after another, and ten at once. */
export const loads = { sequential: 1, parallel: 10 } as const;
export type Load = keyof typeof loads;

/** One command of one candidate under one load in one round. Times from spawn to exit, CPU of the plugin's processes alone. */
export type Sample = {
  readonly candidate: string;
  readonly command: "ADD" | "DEL";
  readonly load: Load;
  readonly round: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: number;
  readonly cpuP50Ms: number;
  /** From the last DEL's answer until the last link is gone; only of DEL. */
  readonly settleMs?: number;
  readonly elapsedMs: readonly number[];
};

/** What to run: pods per batch, rounds, and the prefix for the names of sandboxes. */
export type PluginBenchOptions = {
  readonly pods: number;
  readonly rounds: number;
  readonly sandboxPrefix: string;
};

/**
 * ADDs and DELs `pods` pods with every candidate that `prepare` gives for the sandboxes, under every load, round after round, each with another
 * candidate first. A candidate's round starts once the links of the one before are gone.
 */
export async function benchPlugins(
  prepare: (sandboxes: readonly Sandbox[]) => Promise<readonly Candidate[]>,
  options: PluginBenchOptions,
  progress: Progress,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  await removeSandboxes(options.sandboxPrefix);
  try {
    const sandboxes = await makeSandboxes(options.sandboxPrefix, options.pods);
    const candidates = await prepare(sandboxes);
    // One round unmeasured: page cache, ARP, the daemon's compiled code.
    for (let round = -1; round < options.rounds; round += 1) {
      progress(
        round < 0 ? "ADD and DEL: warming up" : `ADD and DEL: round ${round + 1} of ${options.rounds}`,
      );
      for (const candidate of rotated(candidates, round + 1)) {
        for (const load of ["sequential", "parallel"] as const) {
          const taken = await takeSamples(candidate, load, round, sandboxes);
          if (round >= 0) samples.push(...taken);
        }
      }
    }
  } finally {
    await removeSandboxes(options.sandboxPrefix);
  }
  return samples;
}

async function takeSamples(
  candidate: Candidate,
  load: Load,
  round: number,
  sandboxes: readonly Sandbox[],
): Promise<readonly Sample[]> {
  const veths = await countVeths(candidate);
  const jobs = jobsFor(sandboxes, `${candidate.name} ${load} ${round}`);
  const { timing, attachments } = await attach(candidate, jobs, loads[load]);
  await proveReachable(candidate, attachments);
  const removal = await detach(candidate, attachments, loads[load]);
  const answered = performance.now();
  await settled(candidate, veths);
  const settleMs = performance.now() - answered;
  const where = { candidate: candidate.name, load, round };
  return [
    { ...where, command: "ADD", ...summarized(timing) },
    { ...where, command: "DEL", ...summarized(removal), settleMs },
  ];
}

function summarized({
  runs,
  wallNs,
}: DriverResult): Pick<Sample, "p50Ms" | "p99Ms" | "perSecond" | "cpuP50Ms" | "elapsedMs"> {
  const elapsedMs = runs.map(({ elapsedNs }) => elapsedNs / 1e6);
  return {
    p50Ms: percentile(elapsedMs, 0.5),
    p99Ms: percentile(elapsedMs, 0.99),
    perSecond: (runs.length * 1e9) / wallNs,
    cpuP50Ms: percentile(
      runs.map(({ cpuUs }) => cpuUs / 1000),
      0.5,
    ),
    elapsedMs,
  };
}
