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

test("a tally counts tests that ran, not those that the focus leaves out nor what stands around them", () => {
  const around = spec("", "passed", { LeafNodeType: "ReportAfterSuite", ContainerHierarchyTexts: null });
  const tally = readTally(report(spec("one", "passed"), spec("two", "skipped"), around), 0);
  expect(tally).toEqual({
    passed: 1,
    failed: [],
    skipped: [],
    seconds: [{ name: "[sig-network] DNS one", seconds: 1.5 }],
  });
});

test("a test that skips itself is named with its reason", () => {
  const skipped = spec("two", "skipped", { Failure: { Message: "needs two zones" } });
  const tally = readTally(report(spec("one", "passed"), skipped, spec("three", "pending")), 0);
  expect(tally.skipped).toEqual([
    { name: "[sig-network] DNS two", reason: "skipped: needs two zones" },
    { name: "[sig-network] DNS three", reason: "pending: no reason given" },
  ]);
});

test("whatever did not pass has failed, with the reason that was given", () => {
  const broken = spec("", "panicked", {
    LeafNodeType: "SynchronizedBeforeSuite",
    ContainerHierarchyTexts: null,
  });
  const failed = spec("two", "failed", { Failure: { Message: "no answer" } });
  expect(readTally(report(spec("one", "passed"), failed, broken), 1).failed).toEqual([
    { name: "[sig-network] DNS two", reason: "failed: no answer" },
    { name: "SynchronizedBeforeSuite", reason: "panicked: no reason given" },
  ]);
});

test("a run in which no test ran has failed", () => {
  const nothing = [{ name: "the run", reason: "no test ran" }];
  expect(readTally(report(spec("one", "skipped")), 0).failed).toEqual(nothing);
  expect(readTally(JSON.stringify([{ SpecReports: null }]), 0).failed).toEqual(nothing);
});

test("a run that Ginkgo calls failed without a failed test has failed", () => {
  const passed = report(spec("one", "passed"));
  expect(readTally(passed, 1).failed).toEqual([{ name: "the run", reason: "exit code 1" }]);
  expect(readTally(passed, null).failed).toEqual([{ name: "the run", reason: "exit code null" }]);
  const timedOut = [
    { SpecReports: [spec("one", "passed")], SpecialSuiteFailureReasons: ["Suite Timeout Elapsed"] },
  ];
  expect(readTally(JSON.stringify(timedOut), 1).failed).toEqual([
    { name: "the run", reason: "Suite Timeout Elapsed" },
  ]);
});

test("the slowest test comes first", () => {
  const slow = spec("slow", "passed", { RunTime: 9e9 });
  const { seconds } = readTally(report(spec("quick", "passed"), slow), 0);
  expect(seconds.map((each) => each.seconds)).toEqual([9, 1.5]);
});
