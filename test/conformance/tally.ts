/** What is read of a spec in Ginkgo's JSON report (github.com/onsi/ginkgo/v2/types, SpecReport). */
type SpecReport = {
  readonly LeafNodeType: string;
  readonly State: string;
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  /** Nanoseconds. */
  readonly RunTime: number;
  /** What a spec says that fails or skips itself; a spec that the focus leaves out says nothing. */
  readonly Failure?: { readonly Message?: string };
};

/** What is read of a suite (types.Report): `SpecialSuiteFailureReasons` holds a time-out, an interrupt and the like. */
type SuiteReport = {
  readonly SpecReports: readonly SpecReport[] | null;
  readonly SpecialSuiteFailureReasons?: readonly string[] | null;
};

/** A test that did not pass, with the reason. */
export type NamedTest = { readonly name: string; readonly reason: string };

/** How a run of Kubernetes' tests went. */
export type Tally = {
  readonly passed: number;
  readonly failed: readonly NamedTest[];
  /** Tests that the focus names and that did not run; they give their own reason. */
  readonly skipped: readonly NamedTest[];
  /** The slowest first. */
  readonly seconds: readonly { readonly name: string; readonly seconds: number }[];
};

/**
 * Reads Ginkgo's JSON report; `exitCode` is Ginkgo's, null after a signal. A report without a single test that ran, and an
 * exit code other than 0 without a failed test, are a failure of the run itself.
 */
export function readTally(report: string, exitCode: number | null): Tally {
  const suites = JSON.parse(report) as readonly SuiteReport[];
  const all = suites.flatMap(({ SpecReports }) => SpecReports ?? []);
  const ran = all.filter(({ State }) => State !== "skipped" && State !== "pending");
  // Nodes around the tests (BeforeSuite and the like) count only if they fail.
  const tests = ran.filter(({ LeafNodeType }) => LeafNodeType === "It");
  const failed = ran.filter(({ State }) => State !== "passed").map(named);
  const wholeRun = suites.flatMap(({ SpecialSuiteFailureReasons }) => SpecialSuiteFailureReasons ?? []);
  if (tests.length === 0) wholeRun.push("no test ran");
  else if (exitCode !== 0 && failed.length + wholeRun.length === 0) wholeRun.push(`exit code ${exitCode}`);
  const seconds = tests.map((test) => ({ name: nameOf(test), seconds: test.RunTime / 1e9 }));
  return {
    passed: tests.filter(({ State }) => State === "passed").length,
    failed: [...failed, ...wholeRun.map((reason) => ({ name: "the run", reason }))],
    skipped: all.filter(skippedItself).map(named),
    seconds: seconds.sort((a, b) => b.seconds - a.seconds),
  };
}

function skippedItself({ State, Failure }: SpecReport): boolean {
  return State === "pending" || (State === "skipped" && Failure?.Message !== undefined);
}

function named(spec: SpecReport): NamedTest {
  return { name: nameOf(spec), reason: `${spec.State}: ${spec.Failure?.Message ?? "no reason given"}` };
}

function nameOf(spec: SpecReport): string {
  const words = [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText].filter((word) => word !== "");
  return words.length === 0 ? spec.LeafNodeType : words.join(" ");
}
