import { globSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../bootstrap/checks.ts";
import { judge, type Verdict } from "./judge.ts";
import type { Mutant } from "./mutant.ts";
import { notEquivalent, scoreLine, scores, survivorLines, survivors } from "./score.ts";
import { startTestRun } from "./test-run.ts";

/** `npm run mutate -- FILES`: which small changes of the source no unit test notices. test/README.md describes it. */

/** Folders of unit tests: they need neither kernel nor network, and compare no generated file. */
const unitTests = "test/{actors,cli,cni,config,domain,machines,mutate,observe,protocol,support}/**/*.test.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "at-least": { type: "string", default: "90" },
    distance: { type: "string", default: "2" },
    json: { type: "boolean", default: false },
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    tests: { type: "string", multiple: true, default: [""] },
  },
});

const files = positionals.flatMap(sourcesOf).toSorted();
if (files.length === 0) {
  console.error(
    "Usage: npm run mutate -- [--at-least N] [--json] [--sample N [--seed N]] [--tests PART_OF_PATH] FILES",
  );
  process.exit(2);
}
const tests = globSync(unitTests, { cwd: root })
  .filter((test) => values.tests.some((part) => test.includes(part)))
  .toSorted()
  .map((test) => join(root, test));
const verdicts: Verdict[] = [];
// Before the test run's own handler, which ends the process.
process.once("SIGINT", report);
await using run = await startTestRun([unitTests]);
const { disturbed } = await judge(
  { root, files, tests, distance: Number(values.distance), choose: sample, progress, judged },
  run,
);
progress("");

report();
const wronglyDeclared = notEquivalent(verdicts);
for (const { mutant, killedBy } of wronglyDeclared)
  console.error(`${mutant.file}:${mutant.line} is declared as equivalent, but killed by ${killedBy}`);
for (const file of disturbed)
  console.error(`${file}: a mutant left something behind that fails its tests; this score does not count`);
const total = scores(files, verdicts).at(-1)?.score ?? 0;
// Set in any case: Vitest sets it when a test fails, and here one must.
const isSound = wronglyDeclared.length === 0 && disturbed.length === 0;
process.exitCode = isSound && total >= Number(values["at-least"]) ? 0 : 1;

function sourcesOf(path: string): readonly string[] {
  const absolute = join(root, relative(root, path));
  const found = statSync(absolute).isDirectory() ? globSync(join(absolute, "**/*.ts")) : [absolute];
  return found.map((file) => relative(root, file));
}

/** `--sample N`: the same N of them for the same `--seed`, in the order of the source. */
function sample(mutants: readonly Mutant[]): readonly Mutant[] {
  if (values.sample === undefined) return mutants;
  const random = mulberry32(Number(values.seed));
  const drawn = mutants.map((mutant) => ({ mutant, lot: random() })).toSorted((a, b) => a.lot - b.lot);
  const chosen = new Set(drawn.slice(0, Number(values.sample)).map(({ mutant }) => mutant));
  return mutants.filter((mutant) => chosen.has(mutant));
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The scores of what is judged so far. */
function report(): void {
  const lines = scores(files, verdicts);
  if (values.json) {
    const plain = survivors(verdicts).map(({ mutant, testFiles }) => ({ ...mutant, testFiles }));
    console.log(JSON.stringify({ scores: lines, survivors: plain }, null, 2));
  } else {
    for (const score of lines) console.log(scoreLine(score));
  }
}

function judged(verdict: Verdict): void {
  verdicts.push(verdict);
  if (!values.json) for (const survivor of survivors([verdict])) console.log(survivorLines(survivor));
}

function progress(text: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
}
