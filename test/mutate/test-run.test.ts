import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../bootstrap/checks.ts";
import { startTestRun } from "./test-run.ts";

const fixture = join(root, "test/mutate/fixture/fare.ts");
const tests = [join(root, "test/mutate/fixture/fare.test.ts")];

test("a mutant that loops for ever fails at the limit, and the next run is as before", async () => {
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
});
