/** What vitest's JSON reporter writes, as far as it is used here. */
export type VitestReport = { readonly numPassedTests: number; readonly numFailedTests: number };

export type Tally = { readonly passed: number; readonly failed: number };

/**
 * What a run amounts to. Vitest ends with another code than 0 also for a file that did not load, a failed hook and an
 * unhandled error: a run without a report, or one that failed without a failed test, counts as one failure.
 */
export function tallyOf(report: VitestReport | undefined, exitCode: number | null): Tally {
  const { numPassedTests: passed, numFailedTests } = report ?? { numPassedTests: 0, numFailedTests: 0 };
  const nothingRan = passed + numFailedTests === 0;
  return { passed, failed: Math.max(numFailedTests, exitCode !== 0 || nothingRan ? 1 : 0) };
}
