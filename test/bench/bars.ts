import type { Measurement } from "./statistics.ts";

/** A number that HeadCNI means to reach, under the key it has in `--json`. */
export type Bar = {
  readonly key: MetricKey;
  readonly what: string;
  readonly limit: { readonly atMost: number } | { readonly atLeast: number };
  readonly digits: number;
};

export type MetricKey =
  | "addSequentialP50Ratio"
  | "addParallelP50Ratio"
  | "addParallelRateRatio"
  | "delSequentialP50Ratio"
  | "addFloorRatio"
  | "delFloorRatio"
  | "stubP50Ratio"
  | "datapathThroughputRatio"
  | "datapathAddedLatencyUs"
  | "firstAddAfterStartMs"
  | "restartPacketsLost"
  | "rssMb"
  | "idleCpuPercent";

/** The measurements there are; a key is missing when its benchmark did not run. */
export type Metrics = { readonly [Key in MetricKey]?: Measurement };

export const bars: readonly Bar[] = [
  bar("addSequentialP50Ratio", "ADD one by one: p50 / bridge's", { atMost: 0.15 }, 3),
  bar("addParallelP50Ratio", "ADD ten at once: p50 / bridge's", { atMost: 0.2 }, 3),
  bar("addParallelRateRatio", "ADD ten at once: pods/s / bridge's", { atLeast: 5 }, 2),
  bar("delSequentialP50Ratio", "DEL one by one: p50 / bridge's", { atMost: 0.08 }, 3),
  bar("addFloorRatio", "ADD one by one: p50 / least possible", { atMost: 1.5 }, 2),
  bar("stubP50Ratio", "stub alone: p50 / C program's", { atMost: 1.8 }, 2),
  bar("datapathThroughputRatio", "pod-to-pod throughput / node-to-node", { atLeast: 0.95 }, 3),
  bar("datapathAddedLatencyUs", "pod-to-pod latency - node-to-node, us", { atMost: 60 }, 0),
  bar("firstAddAfterStartMs", "daemon start to first ADD, 110 pods, ms", { atMost: 1000 }, 0),
  bar("restartPacketsLost", "packets lost between pods per restart", { atMost: 0 }, 0),
  bar("rssMb", "daemon RSS with 110 pods, MB", { atMost: 140 }, 1),
  bar("idleCpuPercent", "idle CPU with 110 pods, % of a core", { atMost: 0.5 }, 2),
];

/** Whether a measurement's median keeps to a bar. */
export function reaches({ limit }: Bar, { median }: Measurement): boolean {
  return "atMost" in limit ? median <= limit.atMost : median >= limit.atLeast;
}

/** A bar's limit in words: `<= 0.15`. */
export function limitInWords({ limit }: Bar): string {
  return "atMost" in limit ? `<= ${limit.atMost}` : `>= ${limit.atLeast}`;
}

function bar(key: MetricKey, what: string, limit: Bar["limit"], digits: number): Bar {
  return { key, what, limit, digits };
}
