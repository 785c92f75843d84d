import { join } from "node:path";
import { createVitest, type TestModule } from "vitest/node";
import { root } from "../bootstrap/checks.ts";
import { warmPool } from "./warm-pool.ts";

/** How the tests ended: `failed` names the first test that failed, or the error outside of all tests. */
export type Outcome = { readonly passed: boolean; readonly failed: string };

/** Runs unit tests again and again in one process, with the text of source files replaced in memory. */
export type TestRun = AsyncDisposable & {
  /**
   * @param tests absolute paths of test files, in this order, until the first failure
   * @param texts the text of source files by absolute path; all others are as they are on disk
   * @param limitMs past it the run has failed
   */
  readonly run: (
    tests: readonly string[],
    texts: ReadonlyMap<string, string>,
    limitMs: number,
  ) => Promise<Outcome>;
  /** The places that instrumented texts named in the last run. */
  readonly reached: () => readonly string[];
};

/** A test that waits longer for what a mutant never does has failed. */
const testTimeout = 120_000;

export async function startTestRun(include: readonly string[]): Promise<TestRun> {
  let texts: ReadonlyMap<string, string> = new Map();
  /** The test files that the run has come to the end of: Vitest keeps what others gave in earlier runs. */
  const ended = new Set<string>();
  const pool = warmPool();
  const vitest = await createVitest(
    "test",
    {
      root,
      config: false,
      watch: false,
      include: [...include],
      pool,
      // A mutant has the name of its file, and must not be kept for the next run.
      fsModuleCache: false,
      cache: false,
      isolate: false,
      maxWorkers: 1,
      runner: join(import.meta.dirname, "stop-at-first-failure.ts"),
      reporters: [{ onTestModuleEnd: ({ moduleId }) => void ended.add(moduleId) }],
      silent: true,
      testTimeout,
      hookTimeout: testTimeout,
      sequence: { sequencer: InGivenOrder },
    },
    {
      // As in vitest.config.ts.
      ssr: { resolve: { conditions: ["development"] } },
      plugins: [{ name: "mutants", enforce: "pre", load: (id) => texts.get(id) }],
      logLevel: "silent",
    },
  );
  const specifications = await vitest.globTestSpecifications();
  return {
    run: async (tests, wanted, limitMs) => {
      for (const file of new Set([...texts.keys(), ...wanted.keys()])) {
        if (texts.get(file) !== wanted.get(file)) vitest.invalidateFile(file);
        vitest.watcher.invalidates.add(file);
      }
      texts = wanted;
      const chosen = tests.flatMap((test) => specifications.filter(({ moduleId }) => moduleId === test));
      let late: string | undefined;
      const timer = setTimeout(() => {
        late = `takes longer than ${Math.round(limitMs)} ms`;
        void pool.stop();
      }, limitMs);
      ended.clear();
      const { testModules, unhandledErrors } = await vitest.runTestSpecifications(chosen);
      clearTimeout(timer);
      const failed =
        late ??
        testModules
          .filter(({ moduleId }) => ended.has(moduleId))
          .map(failureOf)
          .find(isText) ??
        unhandledErrors.map(messageOf)[0];
      // What outlives a failed test may still disturb: timers of a test that ran out of time, a loop without end.
      if (failed !== undefined && /timed out|unhandled|^error/i.test(failed)) await pool.stop();
      const missing = tests.filter((test) => !ended.has(test));
      if (failed === undefined && missing.length > 0) throw new Error(`did not run: ${missing.join(", ")}`);
      return { passed: failed === undefined, failed: failed ?? "" };
    },
    reached: pool.reached,
    [Symbol.asyncDispose]: async () => {
      await vitest.close();
      await pool.stop();
    },
  };
}

/** The order of the run is the caller's: nearest first. */
class InGivenOrder {
  sort<Specification>(files: Specification[]): Specification[] {
    return files;
  }
  shard<Specification>(files: Specification[]): Specification[] {
    return files;
  }
}

function isText(text: string | undefined): text is string {
  return text !== undefined;
}

function failureOf(module: TestModule): string | undefined {
  for (const test of module.children.allTests())
    if (test.result().state === "failed") return `${test.fullName}: ${messageOf(test.result().errors?.[0])}`;
  if (module.state() !== "failed") return undefined;
  const suites = [module, ...module.children.allSuites()];
  return `${module.relativeModuleId}: ${messageOf(suites.flatMap((suite) => suite.errors())[0])}`;
}

function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { readonly message?: string };
  return (message ?? String(error)).split("\n")[0] ?? "";
}
