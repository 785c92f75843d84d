import { expect, test } from "vitest";
import { readTally } from "./tally.ts";

const spec = (name: string, state: string, more: Record<string, unknown> = {}) => ({
  LeafNodeType: "It",
  State: state,
  ContainerHierarchyTexts: ["[sig-network] DNS"],
  LeafNodeText: name,
  RunTime: 1_500_000_000,
  ...more,
});

const report = (...specs: readonly unknown[]) => JSON.stringify([{ SpecReports: specs }]);

test("a tally counts tests that ran, not those that the focus skipped nor what stands around them", () => {
  const around = spec("", "passed", { LeafNodeType: "ReportAfterSuite", ContainerHierarchyTexts: null });
  const tally = readTally(report(spec("one", "passed"), spec("two", "skipped"), around));
  expect(tally).toEqual({
    passed: 1,
    failed: [],
    unsteady: [],
    seconds: [{ name: "[sig-network] DNS one", seconds: 1.5 }],
  });
});

test("whatever did not pass has failed, with the reason that was given", () => {
  const broken = spec("", "panicked", {
    LeafNodeType: "SynchronizedBeforeSuite",
    ContainerHierarchyTexts: null,
  });
  const failed = spec("two", "failed", { Failure: { Message: "no answer" } });
  expect(readTally(report(spec("one", "passed"), failed, broken)).failed).toEqual([
    { name: "[sig-network] DNS two", reason: "failed: no answer" },
    { name: "SynchronizedBeforeSuite", reason: "panicked: no reason given" },
  ]);
});

test("a run in which no test ran has failed", () => {
  expect(readTally(report(spec("one", "skipped"))).failed).toHaveLength(1);
  expect(readTally(JSON.stringify([{ SpecReports: null }])).failed).toHaveLength(1);
});

test("what passed only when it was run once more is named", () => {
  const again = spec("again", "passed", { NumAttempts: 2 });
  const tally = readTally(report(spec("one", "passed", { NumAttempts: 1 }), again));
  expect(tally).toMatchObject({ passed: 2, failed: [], unsteady: ["[sig-network] DNS again"] });
});

test("the slowest test comes first", () => {
  const slow = spec("slow", "passed", { RunTime: 9e9 });
  expect(readTally(report(spec("quick", "passed"), slow)).seconds.map(({ seconds }) => seconds)).toEqual([
    9, 1.5,
  ]);
});
