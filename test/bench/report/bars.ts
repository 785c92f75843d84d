import type { Measurement } from "./statistics.ts";

/** A number that HeadCNI means to reach, under the key it has in `--json`; `judged` says which of a measurement's numbers. */
export type Bar = {
  readonly key: MetricKey;
  readonly what: string;
  readonly limit: { readonly atMost: number } | { readonly atLeast: number };
  readonly digits: number;
  readonly judged: "median" | "high";
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
  | "restoreMs"
  | "rssMb"
  | "idleCpuPercent"
  | "recorderNs"
  | "recorderMb"
  | "policyThroughputRatio"
  | "policyLocalThroughputRatio"
  | "policyConnectionsRatio"
  | "policyLocalConnectionsRatio"
  | "policyAddP50Ratio"
  | "policyLabelP99Ms"
  | "policyStormCpuPercent"
  | "policyRssMb"
  | "policyMbPer1000Pods";

/** The measurements there are; a key is missing when its benchmark did not run. */
export type Metrics = { readonly [Key in MetricKey]?: Measurement };

export const bars: readonly Bar[] = [
  bar("addSequentialP50Ratio", "ADD one by one: p50 / bridge's", { atMost: 0.25 }, 3),
  bar("addParallelP50Ratio", "ADD ten at once: p50 / bridge's", { atMost: 0.25 }, 3),
  bar("addParallelRateRatio", "ADD ten at once: pods/s / bridge's", { atLeast: 4 }, 2),
  bar("delSequentialP50Ratio", "DEL one by one: p50 / bridge's", { atMost: 0.08 }, 3),
  bar("addFloorRatio", "ADD one by one: p50 / least possible", { atMost: 1.5 }, 2),
  bar("stubP50Ratio", "stub alone: p50 / C program's", { atMost: 1.5 }, 2),
  bar("datapathThroughputRatio", "pod-to-pod throughput / node-to-node", { atLeast: 0.95 }, 3),
  bar("datapathAddedLatencyUs", "pod-to-pod latency - node-to-node, us", { atMost: 60 }, 0),
  bar("firstAddAfterStartMs", "daemon start to first ADD, 110 pods, ms", { atMost: 1000 }, 0),
  bar("restartPacketsLost", "most packets lost between pods in a restart", { atMost: 0 }, 0, "high"),
  bar("restoreMs", "slowest restore of what was deleted, ms", { atMost: 1000 }, 0, "high"),
  bar("rssMb", "daemon RSS with 110 pods, MB", { atMost: 140 }, 1),
  bar("idleCpuPercent", "idle CPU with 110 pods, % of a core", { atMost: 0.5 }, 2),
  bar("recorderNs", "flight recorder: CPU per event, ns", { atMost: 2000 }, 0),
  bar("recorderMb", "flight recorder once it is full, MB", { atMost: 3 }, 2),
  bar("policyThroughputRatio", "throughput, 1,000 policies / none, two nodes", { atLeast: 0.95 }, 3),
  bar("policyLocalThroughputRatio", "throughput, 1,000 policies / none, one node", { atLeast: 0.95 }, 3),
  bar("policyConnectionsRatio", "connections/s, 1,000 policies / none, two nodes", { atLeast: 0.9 }, 3),
  bar("policyLocalConnectionsRatio", "connections/s, 1,000 policies / none, one node", { atLeast: 0.9 }, 3),
  bar("policyAddP50Ratio", "ADD p50, 1,000 policies / none", { atMost: 1.1 }, 3),
  bar("policyLabelP99Ms", "label change in force on three nodes, p99, ms", { atMost: 250 }, 0),
  bar("policyStormCpuPercent", "100 relabels/s, 5,000 pods: CPU, % of a core", { atMost: 40 }, 1),
  bar("policyRssMb", "RSS after that, 1,000 policies, MB", { atMost: 200 }, 1),
  bar("policyMbPer1000Pods", "heap per 1,000 pods elsewhere, MB", { atMost: 3 }, 2),
];

/** Whether a measurement keeps to a bar; one that is not a number does not. */
export function reaches(bar: Bar, measurement: Measurement): boolean {
  const value = measurement[bar.judged];
  return "atMost" in bar.limit ? value <= bar.limit.atMost : value >= bar.limit.atLeast;
}

/** The bars that the measurements miss, one line each: `MISSED rssMb: 151.2, bar <= 140`. */
export function missedBars(metrics: Metrics): readonly string[] {
  return bars.flatMap((bar) => {
    const metric = metrics[bar.key];
    if (metric === undefined || reaches(bar, metric)) return [];
    return [`MISSED ${bar.key}: ${metric[bar.judged].toFixed(bar.digits)}, bar ${limitInWords(bar)}`];
  });
}

/** A bar's limit in words: `<= 0.15`. */
export function limitInWords({ limit }: Bar): string {
  return "atMost" in limit ? `<= ${limit.atMost}` : `>= ${limit.atLeast}`;
}

function bar(
  key: MetricKey,
  what: string,
  limit: Bar["limit"],
  digits: number,
  judged: Bar["judged"] = "median",
): Bar {
  return { key, what, limit, digits, judged };
}
