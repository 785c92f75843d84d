import { writeFileSync } from "node:fs";
import type { Reporter, SerializedError, TestCase, TestModule, TestSuite, Vitest } from "vitest/node";
import type { FileReport, TestOutcome, TestReport } from "./test-report.ts";

/** Writes the run's TestReport, which `npm test` counts, to the file that TEST_REPORT names. */
export default class TestReporter implements Reporter {
  #vitest: Vitest | undefined;
  /** Module ids in the order in which the modules began. */
  readonly #began: string[] = [];

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestModuleStart({ id }: TestModule): void {
    this.#began.push(id);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const { TEST_REPORT: file } = process.env;
    if (file === undefined) throw new Error("TEST_REPORT names no file");
    const byName = this.#vitest?.getGlobalTestNamePattern() !== undefined;
    const files = modules
      .toSorted((a, b) => this.#began.indexOf(a.id) - this.#began.indexOf(b.id))
      .map((module) => fileReport(module, byName));
    const report: TestReport = { files, unhandled: unhandled.map(firstLine) };
    writeFileSync(file, JSON.stringify(report, null, 1));
  }
}

/** `byName`: the run is of tests with certain names (`-t`), and those that it leaves out are not in the report. */
function fileReport(module: TestModule, byName: boolean): FileReport {
  const { environmentSetupDuration, prepareDuration, collectDuration, setupDuration, duration } =
    module.diagnostic();
  const suites: readonly (TestModule | TestSuite)[] = [module, ...module.children.allSuites()];
  const tests = [...module.children.allTests()].map(outcomeOf);
  return {
    file: module.relativeModuleId,
    seconds: (environmentSetupDuration + prepareDuration + collectDuration + setupDuration + duration) / 1000,
    broken: [
      ...suites.flatMap((suite) => suite.errors().map((error) => `${nameOf(suite)}${firstLine(error)}`)),
      ...(module.state() === "queued" || module.state() === "pending" ? ["did not finish"] : []),
    ],
    tests: byName ? tests.filter(({ outcome, why }) => outcome !== "skipped" || why !== undefined) : tests,
  };
}

function outcomeOf(test: TestCase): TestOutcome {
  const name = test.fullName;
  const result = test.result();
  switch (result.state) {
    case "passed":
      return { name, outcome: test.diagnostic()?.flaky === true ? "flaky" : "passed" };
    case "failed":
      return { name, outcome: "failed", why: onOneLine(result.errors[0]?.message ?? "without an error") };
    case "pending":
      return { name, outcome: "unfinished" };
    case "skipped": {
      const why = result.note ?? (isInBroken(test) ? "what stands around it broke" : undefined);
      return { name, outcome: "skipped", ...(why === undefined ? {} : { why }) };
    }
    default: {
      const unhandled: never = result;
      return unhandled;
    }
  }
}

function isInBroken({ parent }: TestCase | TestSuite): boolean {
  return parent.errors().length > 0 || (parent.type === "suite" && isInBroken(parent));
}

function nameOf(suite: TestModule | TestSuite): string {
  return suite.type === "suite" ? `${suite.fullName}: ` : "";
}

/** A log of continuous integration may show no more of a failure than its line in the summary. */
function onOneLine(message: string): string {
  const line = message.replace(/\s+/g, " ");
  return line.length > 1200 ? `${line.slice(0, 1200)}…` : line;
}

function firstLine({ message }: Pick<SerializedError, "message">): string {
  return message.split("\n")[0] ?? "";
}
