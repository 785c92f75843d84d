import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../bootstrap/checks.ts";

const fixture = "test/mutate/fixture/fare.ts";

test("names the mutant that no test notices, fails below the score, and leaves the file as it was", () => {
  const before = readFileSync(join(root, fixture), "utf8");
  const { status, stdout } = mutate("--at-least", "90");
  const { scores, survivors } = JSON.parse(stdout) as {
    readonly scores: readonly unknown[];
    readonly survivors: readonly unknown[];
  };
  expect(survivors).toEqual([
    expect.objectContaining({
      file: fixture,
      line: 3,
      mutator: "boundary",
      before: "return age >= 65 ? 5 : 10;",
      after: "return age > 65 ? 5 : 10;",
      testFiles: 1,
    }),
  ]);
  expect(scores.at(-1)).toEqual({ name: "total", mutants: 4, killed: 3, equivalent: 0, score: 75 });
  expect(status).toBe(1);
  expect(readFileSync(join(root, fixture), "utf8")).toBe(before);
  expect(mutate("--at-least", "75").status).toBe(0);
});

function mutate(...options: readonly string[]): { readonly status: number | null; readonly stdout: string } {
  const args = [
    join(root, "test/mutate/main.ts"),
    "--json",
    "--tests",
    "test/mutate/fixture",
    ...options,
    fixture,
  ];
  return spawnSync(process.execPath, args, { encoding: "utf8", cwd: root });
}
