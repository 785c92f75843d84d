import { describe, expect, test } from "vitest";
import type { InspectorFindings } from "../observing/inspector-bench.ts";
import type { PodsSample } from "../scale/pods-bench.ts";
import { measured } from "./statistics.ts";
import {
  type FoundOutages,
  missedByInspector,
  missedByKills,
  missedByNodes,
  missedByOutages,
  missedByPods,
  missedByPolicyStorm,
  verdictInWords,
} from "./verdicts.ts";

test("each missed bar stands on a line of its own", () => {
  expect(verdictInWords([])).toBe("reached");
  expect(verdictInWords(["a", "b"])).toBe("MISSED a\nMISSED b");
});

describe("kills", () => {
  const storm = { adds: 10, dels: 10, refused: 3, twice: [], dead: [], undeleted: [] };

  test("a storm in which nothing happened that must not is reached", () => {
    expect(missedByKills(storm, [])).toEqual([]);
  });

  test.each([
    ["an address twice", { ...storm, twice: ["10.0.0.1: a and b"] }],
    ["a success without a network", { ...storm, dead: ["10.0.0.1"] }],
    ["a DEL that failed", { ...storm, undeleted: ["{}"] }],
    ["nothing measured: no ADD", { ...storm, adds: 0 }],
    ["nothing measured: no DEL", { ...storm, dels: 0 }],
  ])("%s is missed", (what, found) => {
    expect(missedByKills(found, [])).toEqual([expect.stringContaining(what)]);
  });

  test("a leak is missed", () => {
    expect(missedByKills(storm, ["veth1"])).toEqual(["leaked: veth1"]);
  });
});

describe("kills under policies", () => {
  const found = {
    ...{ gaps: [], sent: 9_000, openAnswers: 800, unprobed: [], closedLives: 50, openLives: 50 },
  };

  test("a prober that heard all but the isolated pods is reached", () => {
    expect(missedByPolicyStorm(found)).toEqual([]);
  });

  test.each([
    ["passed the policy: a packet", { ...found, gaps: ["a packet"] }],
    ["not probed: 10.0.0.99", { ...found, unprobed: ["10.0.0.99"] }],
    ["nothing measured", { ...found, openAnswers: 0 }],
    ["nothing measured", { ...found, sent: 0 }],
    ["nothing measured", { ...found, closedLives: 0 }],
    ["nothing measured", { ...found, openLives: 0 }],
  ])("%s is missed", (what, storm) => {
    expect(missedByPolicyStorm(storm)).toEqual([expect.stringContaining(what)]);
  });
});

describe("outages", () => {
  const wanted = { kills: 3, awayKills: 1, minutes: 10 };
  const found: FoundOutages = {
    killed: [400, 1000, 5000],
    away: [{ killMs: 1000, returnMs: 40 }],
    outage: [{ pair: "n1 to n2", sent: 100, lost: 0 }],
  };

  test("silences at their bars are reached", () => {
    expect(missedByOutages(found, wanted)).toEqual([]);
  });

  test.each([
    ["Headscale up: median silence, ms: 1001, bar <= 1000", { killed: [400, 1001, 5000] }],
    ["Headscale up: longest silence, ms: 5001, bar <= 5000", { killed: [400, 1000, 5001] }],
    ["Headscale away: median silence, ms: 1001, bar <= 1000", { away: [{ killMs: 1001, returnMs: 40 }] }],
    ["returned after that: median silence, ms: 1001", { away: [{ killMs: 900, returnMs: 1001 }] }],
    ["n1 to n2: of 100 datagrams lost: 1, bar <= 0", { outage: [{ pair: "n1 to n2", sent: 100, lost: 1 }] }],
    ["nothing measured: n1 to n2", { outage: [{ pair: "n1 to n2", sent: 0, lost: 0 }] }],
    ["nothing measured: 3 of 4 kills", { killed: [400, 400] }],
    ["nothing measured: 4 of 4 kills, 0 pairs", { outage: [] }],
  ])("%s", (line, change) => {
    expect(missedByOutages({ ...found, ...change }, wanted)).toEqual([expect.stringContaining(line)]);
  });

  test("a run that was to measure nothing misses that", () => {
    const nothing = missedByOutages(
      { killed: [], away: [], outage: [] },
      { kills: 0, awayKills: 0, minutes: 0 },
    );
    expect(nothing).toEqual(["nothing measured: 0 of 0 kills, 0 pairs"]);
  });
});

describe("nodes", () => {
  const cost = {
    extra: 1000,
    listMs: 100,
    readyMs: 100,
    rssMb: 150,
    peakRssMb: 200,
    startCpuSeconds: 1,
    idleCpuPercent: 0.5,
  };

  test("the bars hold up to 1,000 more Nodes", () => {
    expect(missedByNodes([cost, { ...cost, extra: 5000, rssMb: 300, idleCpuPercent: 2 }])).toEqual([]);
  });

  test.each([
    ["RSS with 1000 more Nodes, MB: 150.1, bar <= 150", { ...cost, rssMb: 150.1 }],
    ["idle CPU with 1000 more Nodes, %: 0.51, bar <= 0.5", { ...cost, idleCpuPercent: 0.51 }],
    ["nothing measured with 1000 more Nodes", { ...cost, rssMb: 0 }],
  ])("%s", (line, found) => {
    expect(missedByNodes([found])).toEqual([line]);
  });

  test("no number of Nodes is missed", () => {
    expect(missedByNodes([])).toEqual(["nothing measured: no number of Nodes"]);
  });
});

describe("pods", () => {
  const sample = (candidate: PodsSample["candidate"], more: Partial<PodsSample> = {}): PodsSample => ({
    candidate,
    pods: 220,
    startPerPodMs: 90,
    endPerPodMs: 90,
    addMs: 9,
    delMs: 3,
    leaks: [],
    ...more,
  });

  test("both plugins' pods that leave nothing are reached", () => {
    expect(missedByPods([sample("headcni"), sample("reference")])).toEqual([]);
  });

  test.each([
    [
      "left: headcni: n1: links veth1",
      [sample("headcni", { leaks: ["n1: links veth1"] }), sample("reference")],
    ],
    ["nothing measured: containerd", [sample("headcni", { addMs: 0 }), sample("reference")]],
    ["nothing measured: containerd", [sample("headcni"), sample("reference", { delMs: 0 })]],
    ["nothing measured: a plugin is missing", [sample("headcni")]],
  ])("%s", (line, samples) => {
    expect(missedByPods(samples)).toEqual([expect.stringContaining(line)]);
  });
});

describe("inspector", () => {
  const findings: InspectorFindings = {
    addOn: measured([1]),
    addWatched: measured([1.05]),
    addP50Ms: { off: 4, on: 4, watched: 4.2 },
    rssMb: { off: 120, on: 120, watched: 122 },
    latencyMs: { p50: 20, p99: 200, transitions: 1000 },
  };

  test("the cost and the latency at their bars are reached", () => {
    expect(missedByInspector(findings)).toEqual([]);
  });

  test.each([
    ["ADD p50, watched / off: 1.051, bar <= 1.05", { addWatched: measured([1.051]) }],
    ["ADD p50, watched / off: NaN", { addWatched: measured([]) }],
    [
      "transition -> drawn, p99, ms: 201, bar <= 200",
      { latencyMs: { p50: 20, p99: 201, transitions: 1000 } },
    ],
    ["nothing measured: the page drew no transition", { latencyMs: { p50: 20, p99: 20, transitions: 0 } }],
  ])("%s", (line, change) => {
    expect(missedByInspector({ ...findings, ...change })).toEqual([expect.stringContaining(line)]);
  });
});
