import { expect, test } from "vitest";
import { afterSecondRun, failedFiles, type VitestReport } from "./vitest-report.ts";

const file = (name: string, tests: Record<string, "passed" | "failed">) => ({
  name,
  status: Object.values(tests).includes("failed") ? "failed" : "passed",
  assertionResults: Object.entries(tests).map(([fullName, status]) => ({ fullName, status })),
});

function report(...testResults: readonly ReturnType<typeof file>[]): VitestReport {
  const all = testResults.flatMap((each) => each.assertionResults);
  const failed = all.filter(({ status }) => status === "failed").length;
  return {
    numPassedTests: all.length - failed,
    numFailedTests: failed,
    success: testResults.every(({ status }) => status === "passed"),
    testResults,
  };
}

const steady = file("steady.test.ts", { holds: "passed" });
const first = report(steady, file("shaky.test.ts", { wobbles: "failed", stands: "passed" }));

test("only the files with a failed test run again", () => {
  expect(failedFiles(first)).toEqual(["shaky.test.ts"]);
});

test("what passes alone has passed and is named", () => {
  const second = report(file("shaky.test.ts", { wobbles: "passed", stands: "passed" }));
  expect(afterSecondRun(first, second)).toEqual({ passed: 3, failed: 0, unsteady: ["wobbles"] });
});

test("what fails twice has failed", () => {
  const second = report(file("shaky.test.ts", { wobbles: "failed", stands: "passed" }));
  expect(afterSecondRun(first, second)).toEqual({ passed: 2, failed: 1, unsteady: [] });
});

test("a test that fails only alone has failed", () => {
  const second = report(file("shaky.test.ts", { wobbles: "passed", stands: "failed" }));
  expect(afterSecondRun(first, second)).toEqual({ passed: 2, failed: 1, unsteady: ["wobbles"] });
});

test("a file that does not load, an unhandled error and a missing report are failures", () => {
  const broken = { name: "broken.test.ts", status: "failed", assertionResults: [] };
  expect(failedFiles(report(steady, broken))).toEqual(["broken.test.ts"]);
  expect(afterSecondRun({ ...report(steady), success: false }, undefined)).toMatchObject({ failed: 1 });
  expect(afterSecondRun(report(steady, broken), report(broken))).toMatchObject({ passed: 1, failed: 1 });
  expect(afterSecondRun(undefined, undefined)).toEqual({ passed: 0, failed: 1, unsteady: [] });
});
