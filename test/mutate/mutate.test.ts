import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
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

test("a run that is stopped prints the scores of what is judged so far", async () => {
  const child = spawn(process.execPath, argumentsFor(["--json"], "test/mutate/fixture/count.ts"), {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    stdout += chunk;
  });
  // The fourth mutant loops without end.
  child.stderr.setEncoding("utf8").on("data", (chunk) => {
    if (String(chunk).includes("4 of 5")) child.kill("SIGINT");
  });
  await once(child, "close");
  const { scores } = JSON.parse(stdout) as { readonly scores: readonly unknown[] };
  expect(scores.at(-1)).toMatchObject({ name: "total", mutants: 3, killed: 3 });
});

function mutate(...options: readonly string[]): { readonly status: number | null; readonly stdout: string } {
  return spawnSync(process.execPath, argumentsFor(["--json", ...options], fixture), {
    encoding: "utf8",
    cwd: root,
  });
}

function argumentsFor(options: readonly string[], file: string): readonly string[] {
  return [join(root, "test/mutate/main.ts"), "--tests", "test/mutate/fixture", ...options, file];
}
