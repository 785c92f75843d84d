import type { Metrics } from "../report/bars.ts";
import { type Measurement, median, percentile, ratio } from "../report/statistics.ts";
import type { Load, Sample } from "./plugin-bench.ts";

/** One command of one candidate under one load over all rounds; percentiles are of all its execs together. */
export type PluginSummary = {
  readonly candidate: string;
  readonly command: Sample["command"];
  readonly load: Load;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: number;
  readonly cpuP50Ms: number;
  readonly roundP50Ms: readonly number[];
  readonly settleMs?: number;
};

/** Sums the samples up, in the order they first appear. */
export function summarize(samples: readonly Sample[]): readonly PluginSummary[] {
  const groups = Map.groupBy(samples, ({ candidate, command, load }) => `${candidate} ${command} ${load}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { candidate, command, load } = first;
    const elapsedMs = group.flatMap((sample) => sample.elapsedMs);
    const settleMs = group.flatMap((sample) => sample.settleMs ?? []);
    return [
      {
        candidate,
        command,
        load,
        p50Ms: percentile(elapsedMs, 0.5),
        p99Ms: percentile(elapsedMs, 0.99),
        perSecond: median(group.map(({ perSecond }) => perSecond)),
        cpuP50Ms: median(group.map(({ cpuP50Ms }) => cpuP50Ms)),
        roundP50Ms: group.map(({ p50Ms }) => p50Ms),
        ...(settleMs.length === 0 ? {} : { settleMs: median(settleMs) }),
      },
    ];
  });
}

type Compared = Pick<Sample, "command" | "load"> & { readonly number: "p50Ms" | "perSecond" };

/** HeadCNI's number by another candidate's, round by round. */
function ratioTo(
  samples: readonly Sample[],
  against: string,
  { command, load, number }: Compared,
): Measurement {
  const pick = (candidate: string) =>
    samples
      .filter(
        (sample) => sample.candidate === candidate && sample.command === command && sample.load === load,
      )
      .sort((a, b) => a.round - b.round)
      .map((sample) => sample[number]);
  return ratio(pick("headcni"), pick(against));
}

/** The ratios of HeadCNI to a reference plugin. */
export function pluginRatios(samples: readonly Sample[], against: string): Metrics {
  const to = (compared: Compared) => ratioTo(samples, against, compared);
  return {
    addSequentialP50Ratio: to({ command: "ADD", load: "sequential", number: "p50Ms" }),
    addParallelP50Ratio: to({ command: "ADD", load: "parallel", number: "p50Ms" }),
    addParallelRateRatio: to({ command: "ADD", load: "parallel", number: "perSecond" }),
    delSequentialP50Ratio: to({ command: "DEL", load: "sequential", number: "p50Ms" }),
  };
}

/** HeadCNI as multiples of the least that a plugin with a daemon needs (floor.ts). */
export function floorRatios(samples: readonly Sample[]): Metrics {
  const to = (command: Sample["command"]) =>
    ratioTo(samples, "floor", { command, load: "sequential", number: "p50Ms" });
  return { addFloorRatio: to("ADD"), delFloorRatio: to("DEL") };
}
