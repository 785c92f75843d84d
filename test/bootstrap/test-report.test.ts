import { expect, test } from "vitest";
import { type FileReport, slowestFiles, type TestReport, tallyOf } from "./test-report.ts";

const file = (name: string, seconds: number): FileReport => ({
  file: name,
  seconds,
  broken: [],
  tests: [{ name: "holds", outcome: "passed" }],
});
const green: TestReport = { files: [file("a.test.ts", 1)], unhandled: [] };

test("a green report counts only with exit code 0", () => {
  expect(tallyOf(green, 0)).toEqual({ passed: 1, failures: [], skipped: [] });
  expect(tallyOf(green, 1).failures).toEqual(["vitest ended with exit code 1"]);
  expect(tallyOf(green, null).failures).toEqual(["vitest ended with exit code null"]);
});

test("a run without a report and one without a test are failures, also with exit code 0", () => {
  expect(tallyOf(undefined, 0).failures).toHaveLength(1);
  expect(tallyOf({ files: [], unhandled: [] }, 0).failures).toEqual(["no test ran"]);
  const skipped = { ...file("a.test.ts", 1), tests: [{ name: "b", outcome: "skipped", why: "c" }] } as const;
  expect(tallyOf({ files: [skipped], unhandled: [] }, 0).failures).toEqual(["no test ran"]);
});

test("the ten slowest files are named, the slowest first", () => {
  const files = Array.from({ length: 11 }, (_, index) => file(`${index}.test.ts`, index));
  const lines = slowestFiles({ files, unhandled: [] });
  expect(lines).toHaveLength(10);
  expect(lines[0]).toBe("   10.0 s  10.test.ts");
  expect(lines.at(-1)).toBe("    1.0 s  1.test.ts");
});
