import { expect, test } from "vitest";
import { tallyOf } from "./vitest-report.ts";

test("a run counts its passed and its failed tests", () => {
  expect(tallyOf({ numPassedTests: 3, numFailedTests: 0 }, 0)).toEqual({ passed: 3, failed: 0 });
  expect(tallyOf({ numPassedTests: 3, numFailedTests: 2 }, 1)).toEqual({ passed: 3, failed: 2 });
});

test("a run that fails without a failed test, without a report or without a test is a failure", () => {
  expect(tallyOf({ numPassedTests: 3, numFailedTests: 0 }, 1)).toEqual({ passed: 3, failed: 1 });
  expect(tallyOf({ numPassedTests: 3, numFailedTests: 0 }, null)).toEqual({ passed: 3, failed: 1 });
  expect(tallyOf({ numPassedTests: 0, numFailedTests: 0 }, 0)).toEqual({ passed: 0, failed: 1 });
  expect(tallyOf(undefined, 0)).toEqual({ passed: 0, failed: 1 });
});
