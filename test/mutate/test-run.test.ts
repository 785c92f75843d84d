import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../bootstrap/checks.ts";
import { startTestRun } from "./test-run.ts";

const fixture = join(root, "test/mutate/fixture/fare.ts");
const other = join(root, "test/mutate/fixture/count.ts");
const tests = ["fare", "count"].map((name) => join(root, `test/mutate/fixture/${name}.test.ts`));

test("a mutant that loops for ever fails at the limit, and the next runs are as before", async () => {
  const text = readFileSync(fixture, "utf8");
  const original = new Map([[fixture, text]]);
  const endless = new Map([[fixture, text.replace("return", "for (;;);\n  return")]]);
  await using run = await startTestRun(["test/mutate/fixture/*.test.ts"]);
  expect(await run.run(tests, original, 60_000)).toEqual({ passed: true, failed: "" });
  expect(await run.run(tests, endless, 1_000)).toEqual({
    passed: false,
    failed: "takes longer than 1000 ms",
  });
  expect(await run.run(tests, original, 60_000)).toEqual({ passed: true, failed: "" });
  // The process that started since has loaded this file unchanged.
  const changed = new Map([[other, readFileSync(other, "utf8").replace("count = 0", "count = 1")]]);
  expect(await run.run(tests, changed, 60_000)).toMatchObject({
    passed: false,
    failed: expect.stringContaining("it counts to the end"),
  });
});
