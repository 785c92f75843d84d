import { expect, test } from "vitest";
import { type MetricKey, type Metrics, missedBars } from "./bars.ts";
import { measured } from "./statistics.ts";

/** What keeps to each bar just so, and what does not any more. */
const edges: readonly (readonly [MetricKey, number, number])[] = [
  ["addSequentialP50Ratio", 0.25, 0.251],
  ["addParallelP50Ratio", 0.25, 0.251],
  ["addParallelRateRatio", 4, 3.99],
  ["delSequentialP50Ratio", 0.08, 0.081],
  ["addFloorRatio", 1.5, 1.51],
  ["stubP50Ratio", 1.5, 1.51],
  ["datapathThroughputRatio", 0.95, 0.949],
  ["datapathAddedLatencyUs", 60, 61],
  ["firstAddAfterStartMs", 1000, 1001],
  ["restartPacketsLost", 0, 1],
  ["rssMb", 140, 140.1],
  ["idleCpuPercent", 0.5, 0.51],
  ["recorderNs", 2000, 2001],
  ["recorderMb", 3, 3.01],
  ["policyThroughputRatio", 0.95, 0.949],
  ["policyLocalThroughputRatio", 0.95, 0.949],
  ["policyConnectionsRatio", 0.9, 0.899],
  ["policyLocalConnectionsRatio", 0.9, 0.899],
  ["policyAddP50Ratio", 1.1, 1.101],
  ["policyLabelP99Ms", 250, 251],
  ["policyStormCpuPercent", 40, 40.1],
  ["policyRssMb", 200, 200.1],
  ["policyMbPer1000Pods", 3, 3.01],
];

test.each(edges)("%s reaches its bar at %d and misses it at %d", (key, reached, missed) => {
  expect(missedBars({ [key]: measured([reached]) })).toEqual([]);
  const [line, ...others] = missedBars({ [key]: measured([missed]) });
  expect(line).toMatch(new RegExp(`^MISSED ${key}: ${missed}, bar [<>]= `));
  expect(others).toEqual([]);
});

test("speed is judged by the median, lost packets by the restart that lost most", () => {
  const metrics: Metrics = {
    addSequentialP50Ratio: measured([0.1, 0.2, 9]),
    restartPacketsLost: measured([0, 0, 0, 0, 3]),
  };
  expect(missedBars(metrics)).toEqual(["MISSED restartPacketsLost: 3, bar <= 0"]);
});

test("what was not measured reaches no bar", () => {
  for (const [key] of edges) expect(missedBars({ [key]: measured([]) })).toHaveLength(1);
});
