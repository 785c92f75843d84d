import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../bootstrap/checks.ts";
import { judge } from "./judge.ts";
import type { TestRun } from "./test-run.ts";

const file = "test/mutate/fixture/fare.ts";
const order = {
  ...{ root, files: [file], tests: [join(root, "test/mutate/fixture/fare.test.ts")], distance: 2 },
  choose: <Mutant>(mutants: readonly Mutant[]) => mutants.slice(0, 2),
  progress: () => undefined,
  judged: () => undefined,
};

/** Answers one run after another; every function is reached. */
function answering(...passed: readonly boolean[]): TestRun {
  const answers = [...passed];
  return {
    run: async () => ({ passed: answers.shift() ?? true, failed: "a test" }),
    reached: () => [`${file}:0`, `${file}:1`],
    [Symbol.asyncDispose]: async () => undefined,
  };
}

test("what passes with a mutant survives, what fails is killed", async () => {
  const { verdicts, disturbed } = await judge(order, answering(true, false, true, true));
  expect(verdicts.map(({ killedBy }) => killedBy)).toEqual(["a test", undefined]);
  expect(disturbed).toEqual([]);
});

test("tests that fail without a mutant judge nothing", async () => {
  await expect(judge(order, answering(false))).rejects.toThrow("fails without a mutant");
});

test("tests that fail without a mutant after others did say so", async () => {
  expect((await judge(order, answering(true, false, false, false))).disturbed).toEqual([file]);
});

test("a mutant may take ten times what its tests take without one, and ten seconds at least", async () => {
  const limits = async (delayMs: number): Promise<readonly number[]> => {
    const given: number[] = [];
    const run: TestRun = {
      ...answering(true),
      run: async (_tests, _texts, limitMs) => {
        if (given.push(limitMs) === 1) await new Promise((resolve) => setTimeout(resolve, delayMs));
        return { passed: true, failed: "" };
      },
    };
    await judge(order, run);
    return given.slice(1);
  };
  expect(await limits(0)).toEqual([10_000, 10_000, 10_000]);
  for (const limit of await limits(1_500)) expect(limit).toBeGreaterThanOrEqual(14_990);
});
