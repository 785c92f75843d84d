import { describe, expect, test } from "vitest";
import type { Sample } from "../calls/plugin-bench.ts";
import { pluginRatios, summarize } from "../calls/plugin-summary.ts";
import { asJson, asText, exitCodeOf, type Findings } from "./report.ts";
import { measured } from "./statistics.ts";

function sample(candidate: string, round: number, elapsedMs: readonly number[]): Sample {
  const [p50Ms = 0] = elapsedMs;
  const numbers = { p50Ms, p99Ms: p50Ms, perSecond: 1000 / p50Ms, cpuP50Ms: 1, elapsedMs };
  return { candidate, command: "ADD", load: "sequential", round, ...numbers };
}

const samples = [
  sample("bridge", 0, [10, 10]),
  sample("headcni", 0, [1, 1]),
  sample("headcni", 1, [4, 4]),
  sample("bridge", 1, [20, 20]),
];

const findings: Findings = {
  metrics: { addSequentialP50Ratio: measured([0.1, 0.2, 0.12]), addParallelRateRatio: measured([3, 3, 3]) },
  plugins: summarize(samples),
  raw: { rounds: 2 },
  hints: [],
  failures: { start: "the daemon does not run" },
};

describe("report of the benchmark", () => {
  test("ratios compare the same round, whoever ran first in it", () => {
    expect(pluginRatios(samples, "bridge").addSequentialP50Ratio?.rounds).toEqual([0.1, 0.2]);
  });

  test("a candidate's percentiles are of all its rounds together", () => {
    const [, ours] = summarize(samples);
    expect(ours).toMatchObject({ candidate: "headcni", p50Ms: 1, p99Ms: 4, roundP50Ms: [1, 4] });
  });

  test("the JSON holds each median under its own key, and whether it keeps to its bar", () => {
    const json = JSON.parse(JSON.stringify(asJson(findings)));
    expect(json.addSequentialP50Ratio).toBe(0.12);
    expect(json.spread.addSequentialP50Ratio).toMatchObject({ low: 0.1, high: 0.2 });
    expect(json.bars).toEqual([
      { key: "addSequentialP50Ratio", atMost: 0.25, value: 0.12, reached: true },
      { key: "addParallelRateRatio", atLeast: 4, value: 3, reached: false },
    ]);
    expect(json.failures).toEqual({ start: "the daemon does not run" });
  });

  test("the table stays under 100 columns and names what was missed and what was not measured", () => {
    const lines = asText(findings).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(100);
    expect(lines.filter((line) => line.includes("NOT reached"))).toHaveLength(1);
    expect(lines).toContain("MISSED addParallelRateRatio: 3.00, bar >= 4");
    expect(lines).toContain("NOT MEASURED: start: the daemon does not run");
  });

  test("a missed bar and a part that was not measured each end with code 1", () => {
    const { addSequentialP50Ratio, addParallelRateRatio } = findings.metrics;
    const reached = { ...findings, metrics: { addSequentialP50Ratio }, failures: {} } as Findings;
    expect(exitCodeOf(reached)).toBe(0);
    expect(exitCodeOf({ ...reached, metrics: { addParallelRateRatio } } as Findings)).toBe(1);
    expect(exitCodeOf({ ...reached, failures: { start: "the daemon does not run" } })).toBe(1);
  });
});
