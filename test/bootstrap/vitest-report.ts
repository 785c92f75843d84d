/** What vitest's JSON reporter writes, as far as it is used here. */
export type VitestReport = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  /** False also when a file did not load or an error was not handled. */
  readonly success: boolean;
  readonly testResults: readonly {
    /** The file's absolute path. */
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
};

export type Tally = {
  readonly passed: number;
  readonly failed: number;
  /** Tests that failed among the others and passed alone; they are named, so that they get mended. */
  readonly unsteady: readonly string[];
};

/** The files with a failed test, or that did not load. */
export function failedFiles(report: VitestReport): readonly string[] {
  return report.testResults.filter(({ status }) => status === "failed").map(({ name }) => name);
}

/**
 * What two runs amount to. The second holds just the first one's failed files, run alone: real kernels, tailscaleds and
 * clusters share a busy machine's processors in the first. A test that fails twice has failed; a run without a report,
 * or one that failed without a failed test (an unhandled error), counts as one failure.
 */
export function afterSecondRun(first: VitestReport | undefined, second: VitestReport | undefined): Tally {
  if (first === undefined) return { passed: 0, failed: 1, unsteady: [] };
  if (second === undefined) return { passed: first.numPassedTests, failed: failures(first), unsteady: [] };
  const again = failedFiles(first);
  const others = first.testResults.filter(({ name }) => !again.includes(name)).flatMap(passedTests);
  const passedAlone = new Set(second.testResults.flatMap(passedTests));
  const unsteady = first.testResults.flatMap(failedTests).filter((name) => passedAlone.has(name));
  return {
    passed: others.length + second.numPassedTests,
    failed: failures(second),
    unsteady,
  };
}

function failures(report: VitestReport): number {
  return Math.max(report.numFailedTests, report.success ? 0 : 1);
}

type FileResult = VitestReport["testResults"][number];

function passedTests(file: FileResult): readonly string[] {
  return file.assertionResults.filter(({ status }) => status === "passed").map(({ fullName }) => fullName);
}

function failedTests(file: FileResult): readonly string[] {
  return file.assertionResults.filter(({ status }) => status === "failed").map(({ fullName }) => fullName);
}
