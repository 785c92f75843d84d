import { type RunnerTask, type RunnerTestFile, TestRunner } from "vitest";

/** Runs no further test after one that failed: the mutant is killed. */
export default class StopAtFirstFailure extends TestRunner {
  #failed = false;

  override onAfterRunTask(test: RunnerTask): void {
    super.onAfterRunTask(test);
    this.#look(test);
  }

  override importFile(filepath: string, source: "collect" | "setup"): unknown {
    return this.#failed ? undefined : super.importFile(filepath, source);
  }

  /** A file that cannot be imported fails here. */
  onCollected(files: RunnerTestFile[]): void {
    for (const file of files) this.#look(file);
  }

  #look({ result }: RunnerTask): void {
    if (result?.state !== "fail") return;
    this.#failed = true;
    this.cancel("test-failure");
  }
}
