import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type Equivalent, equivalents } from "./equivalent.ts";
import { findMutants } from "./find-mutants.ts";
import { distancesFrom } from "./import-graph.ts";
import { type Mutant, mutated } from "./mutant.ts";
import { instrumented, type Place, placeOf } from "./reach.ts";
import type { TestRun } from "./test-run.ts";

/** `killedBy` is the first test that failed. A survivor says how many test files reached it. */
export type Verdict = {
  readonly mutant: Mutant;
  readonly killedBy: string | undefined;
  readonly testFiles: number;
  readonly equivalent: Equivalent | undefined;
};

export type Order = {
  /** The root of the repository that `files` are relative to. */
  readonly root: string;
  readonly files: readonly string[];
  /** Absolute paths of the tests that judge. */
  readonly tests: readonly string[];
  /** A test judges the files that it imports through at most so many: a unit is proven by the tests beside it. */
  readonly distance: number;
  /** Which of the mutants found are judged. */
  readonly choose: (mutants: readonly Mutant[]) => readonly Mutant[];
  readonly progress: (text: string) => void;
  /** Called as soon as a mutant is judged. */
  readonly judged: (verdict: Verdict) => void;
};

type Source = {
  readonly file: string;
  readonly path: string;
  readonly text: string;
  readonly places: readonly Place[];
};
type Look = {
  readonly test: string;
  readonly ms: number;
  readonly places: ReadonlySet<string>;
  readonly distances: ReadonlyMap<string, number>;
};

/** Judges every chosen mutant: first all tests run once without one, to see which functions each of them reaches. */
export async function judge(order: Order, run: TestRun): Promise<readonly Verdict[]> {
  const texts = new Map<string, string>();
  const sources = order.files.map((file): Source => {
    const path = join(order.root, file);
    const text = readFileSync(path, "utf8");
    const { text: traced, places } = instrumented(file, text);
    texts.set(path, traced);
    return { file, path, text, places };
  });
  const looks = await look(order, texts, run);
  const mutants = order.choose(sources.flatMap(({ file, text }) => findMutants(file, text)));
  const verdicts: Verdict[] = [];
  for (const mutant of mutants) {
    const source = sources.find(({ file }) => file === mutant.file);
    if (source === undefined) continue;
    order.progress(`${verdicts.length + 1} of ${mutants.length}: ${mutant.file}:${mutant.line}`);
    const verdict = await judgeOne(source, mutant, looks, order, run);
    verdicts.push(verdict);
    order.judged(verdict);
  }
  return verdicts;
}

async function look(
  order: Order,
  texts: ReadonlyMap<string, string>,
  run: TestRun,
): Promise<readonly Look[]> {
  const looks: Look[] = [];
  const cache = new Map<string, readonly string[]>();
  for (const test of order.tests) {
    const distances = distancesFrom(test, cache);
    if (![...texts.keys()].some((path) => (distances.get(path) ?? Infinity) <= order.distance)) continue;
    order.progress(`without a mutant: ${relative(order.root, test)}`);
    const start = performance.now();
    const { passed, failed } = await run.run([test], texts, 300_000);
    if (!passed) throw new Error(`fails without a mutant: ${relative(order.root, test)}: ${failed}`);
    looks.push({ test, ms: performance.now() - start, places: new Set(run.reached()), distances });
  }
  return looks;
}

async function judgeOne(
  source: Source,
  mutant: Mutant,
  looks: readonly Look[],
  order: Order,
  run: TestRun,
): Promise<Verdict> {
  const place = placeOf(source.places, mutant.start, mutant.end);
  const distance = ({ distances }: Look): number => distances.get(source.path) ?? Infinity;
  const reaching = looks
    .filter((look) => look.places.has(place) && distance(look) <= order.distance)
    .toSorted((a, b) => distance(a) - distance(b) || a.ms - b.ms);
  const limitMs = 120_000 + 10 * reaching.reduce((sum, { ms }) => sum + ms, 0);
  const text = new Map([[source.path, mutated(source.text, mutant)]]);
  const tests = reaching.map(({ test }) => test);
  const { passed, failed } =
    tests.length === 0 ? { passed: true, failed: "" } : await run.run(tests, text, limitMs);
  return {
    mutant,
    killedBy: passed ? undefined : failed,
    testFiles: tests.length,
    equivalent: equivalents.find(
      ({ file, before, after }) => file === mutant.file && before === mutant.before && after === mutant.after,
    ),
  };
}
