import { type RunnerTask, type RunnerTestFile, type RunnerTestSuite, TestRunner } from "vitest";

/** How long the tests of a file took before, by their ids. */
const durations = new Map<string, number>();

/** Runs no further test after one that failed: the mutant is killed. Quick tests come first. */
export default class StopAtFirstFailure extends TestRunner {
  #failed = false;

  override onAfterRunTask(test: RunnerTask): void {
    super.onAfterRunTask(test);
    durations.set(test.id, test.result?.duration ?? 0);
    this.#look(test);
  }

  override importFile(filepath: string, source: "collect" | "setup"): unknown {
    return this.#failed ? undefined : super.importFile(filepath, source);
  }

  /** A file that cannot be imported fails here. */
  onCollected(files: RunnerTestFile[]): void {
    for (const file of files) {
      this.#look(file);
      const before = ({ id }: RunnerTask): number => durations.get(id) ?? 0;
      file.tasks.sort((a, b) => before(a) - before(b));
    }
  }

  override async onAfterRunSuite(suite: RunnerTestSuite): Promise<void> {
    await super.onAfterRunSuite(suite);
    durations.set(suite.id, suite.result?.duration ?? 0);
  }

  #look({ result }: RunnerTask): void {
    if (result?.state !== "fail") return;
    this.#failed = true;
    this.cancel("test-failure");
  }
}
