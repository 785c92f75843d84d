/** What a run of vitest found: the JSON file that `npm test` keeps. Files are in the order in which they began. */
export type TestReport = {
  readonly files: readonly FileReport[];
  /** Errors outside of every test and hook: a rejection that nothing handled, a worker that ended. */
  readonly unhandled: readonly string[];
};

export type FileReport = {
  /** Relative to the folder of the run. */
  readonly file: string;
  /** From loading to the last hook. */
  readonly seconds: number;
  /** What failed of the file or of a `describe` in it beside its tests: loading, `beforeAll`, `afterAll`. */
  readonly broken: readonly string[];
  readonly tests: readonly TestOutcome[];
};

/** `unfinished`: its worker ended. `flaky`: failed, and passed when vitest ran it again. `why`: the reason of a skipped test, the error of a failed one. */
export type TestOutcome = {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "flaky" | "skipped" | "unfinished";
  readonly why?: string;
};

/** What a run amounts to; each failure and each skipped test is one line for people. */
export type Tally = {
  readonly passed: number;
  readonly failures: readonly string[];
  readonly skipped: readonly string[];
};

/**
 * Counts a run. Failures are tests that failed, did not finish, passed only when run again or were skipped without a
 * reason; files and suites that broke; unhandled errors; and the run itself if it left no report (undefined), if no test ran,
 * or if vitest ended with another code than 0 (null after a signal) and nothing else says why.
 */
export function tallyOf(report: TestReport | undefined, exitCode: number | null): Tally {
  if (report === undefined)
    return { passed: 0, failures: [`vitest ended without a report, exit code ${exitCode}`], skipped: [] };
  const { files, unhandled } = report;
  const tests = files.flatMap((each) => each.tests.map((test) => ({ ...test, file: each.file })));
  const failed = tests.filter(({ outcome, why }) =>
    outcome === "skipped" ? why === undefined : outcome !== "passed",
  );
  const passed = tests.filter(({ outcome }) => outcome === "passed").length;
  const failures = [
    ...failed.map(
      ({ file, name, outcome, why }) =>
        `${file} > ${name}: ${inWords[outcome]}${why === undefined ? "" : `: ${why}`}`,
    ),
    ...files.flatMap(({ file, broken }) => broken.map((reason) => `${file}: ${reason}`)),
    ...unhandled.map((error) => `unhandled: ${error}`),
  ];
  if (passed + failures.length === 0) failures.push("no test ran");
  if (exitCode !== 0 && failures.length === 0) failures.push(`vitest ended with exit code ${exitCode}`);
  const skipped = tests.flatMap(({ file, name, outcome, why }) =>
    outcome === "skipped" && why !== undefined ? [`${file} > ${name}: ${why}`] : [],
  );
  return { passed, failures, skipped };
}

const inWords: Readonly<Record<TestOutcome["outcome"], string>> = {
  passed: "passed",
  failed: "failed",
  flaky: "passed only when run again",
  skipped: "skipped without a reason",
  unfinished: "did not finish",
};

/** The ten files that took longest, as lines for people. */
export function slowestFiles({ files }: TestReport): readonly string[] {
  return files
    .toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, 10)
    .map(({ file, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${file}`);
}
