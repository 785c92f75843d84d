/** What is read of a spec in Ginkgo's JSON report (github.com/onsi/ginkgo/v2/types, SpecReport). */
type SpecReport = {
  readonly LeafNodeType: string;
  readonly State: string;
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  /** Nanoseconds. */
  readonly RunTime: number;
  readonly NumAttempts?: number;
  readonly Failure?: { readonly Message?: string };
};

/** A test that did not pass, with the reason. */
export type FailedTest = { readonly name: string; readonly reason: string };

/** How a run of Kubernetes' tests went. */
export type Tally = {
  readonly passed: number;
  readonly failed: readonly FailedTest[];
  /** Names of those that failed and then passed when they were run once more. */
  readonly unsteady: readonly string[];
  /** The slowest first. */
  readonly seconds: readonly { readonly name: string; readonly seconds: number }[];
};

/** Reads Ginkgo's JSON report. A report without a single test that ran is a failure of the run itself. */
export function readTally(report: string): Tally {
  const suites = JSON.parse(report) as readonly { readonly SpecReports: readonly SpecReport[] | null }[];
  const all = suites.flatMap(({ SpecReports }) => SpecReports ?? []);
  // Nodes around the tests (BeforeSuite and the like) count only if they fail.
  const ran = all.filter(({ State }) => State !== "skipped" && State !== "pending");
  const tests = ran.filter(({ LeafNodeType }) => LeafNodeType === "It");
  const failed = ran.filter(({ State }) => State !== "passed").map(failureOf);
  const nothing = { name: "the run", reason: "no test ran" };
  const seconds = tests.map((test) => ({ name: nameOf(test), seconds: test.RunTime / 1e9 }));
  return {
    passed: tests.filter(({ State }) => State === "passed").length,
    failed: tests.length === 0 ? [...failed, nothing] : failed,
    unsteady: tests.filter(({ State, NumAttempts = 1 }) => State === "passed" && NumAttempts > 1).map(nameOf),
    seconds: seconds.sort((a, b) => b.seconds - a.seconds),
  };
}

function failureOf(spec: SpecReport): FailedTest {
  return { name: nameOf(spec), reason: `${spec.State}: ${spec.Failure?.Message ?? "no reason given"}` };
}

function nameOf(spec: SpecReport): string {
  const words = [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText].filter((word) => word !== "");
  return words.length === 0 ? spec.LeafNodeType : words.join(" ");
}
