import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type Equivalent, equivalents } from "./equivalent.ts";
import { findMutants } from "./find-mutants.ts";
import { distancesFrom } from "./import-graph.ts";
import { type Mutant, mutated } from "./mutant.ts";
import { instrumented, type Place, placeOf } from "./reach.ts";
import type { Outcome, TestRun } from "./test-run.ts";

/** `killedBy` is the first test that failed. A survivor says how many test files reached it. */
export type Verdict = {
  readonly mutant: Mutant;
  readonly killedBy: string | undefined;
  readonly testFiles: number;
  readonly equivalent: Equivalent | undefined;
};

export type Judgement = {
  readonly verdicts: readonly Verdict[];
  /** Files whose tests fail without a mutant once their mutants ran: what a mutant left in the process made them fail. */
  readonly disturbed: readonly string[];
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
export async function judge(order: Order, run: TestRun): Promise<Judgement> {
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
  const disturbed: string[] = [];
  for (const source of sources) {
    const chosen = mutants.filter(({ file }) => file === source.file);
    for (const mutant of chosen) {
      order.progress(`${verdicts.length + 1} of ${mutants.length}: ${mutant.file}:${mutant.line}`);
      const verdict = await judgeOne(source, mutant, looks, order, run);
      verdicts.push(verdict);
      order.judged(verdict);
    }
    const tests = nearest(source, looks, order);
    if (chosen.length > 0 && tests.length > 0 && !(await outcomeOf(source, source.text, tests, run)).passed)
      disturbed.push(source.file);
  }
  return { verdicts, disturbed };
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
  const reaching = nearest(source, looks, order).filter(({ places }) => places.has(place));
  const outcome =
    reaching.length === 0
      ? { passed: true, failed: "" }
      : await outcomeOf(source, mutated(source.text, mutant), reaching, run);
  return {
    mutant,
    killedBy: outcome.passed ? undefined : outcome.failed,
    testFiles: reaching.length,
    equivalent: equivalents.find(
      ({ file, before, after }) => file === mutant.file && before === mutant.before && after === mutant.after,
    ),
  };
}

/** The tests near enough to judge the file, nearest and quickest first. */
function nearest({ path }: Source, looks: readonly Look[], order: Order): readonly Look[] {
  const distance = ({ distances }: Look): number => distances.get(path) ?? Infinity;
  return looks
    .filter((look) => distance(look) <= order.distance)
    .toSorted((a, b) => distance(a) - distance(b) || a.ms - b.ms);
}

/** What a mutant may take at least: the process that runs the tests may have to start again. */
const minLimitMs = 10_000;

/** Runs the tests with this text of the source; ten times what they take without a mutant is an endless loop. */
function outcomeOf({ path }: Source, text: string, looks: readonly Look[], run: TestRun): Promise<Outcome> {
  const limitMs = Math.max(minLimitMs, 10 * looks.reduce((sum, { ms }) => sum + ms, 0));
  const tests = looks.map(({ test }) => test);
  return run.run(tests, new Map([[path, text]]), limitMs);
}
