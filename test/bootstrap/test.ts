import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { listLabs } from "../lab/lab-store.ts";
import { stderrProgress } from "../lab/progress.ts";
import { stopLab } from "../lab/stop-lab.ts";
import { root, runChecks, toolPath } from "./checks.ts";
import { prepareTests } from "./prepare.ts";
import { slowestFiles, type Tally, type TestReport, tallyOf } from "./test-report.ts";

/** Where the report of the last run is kept. */
const { TEST_REPORT: reportFile = join(root, "node_modules", ".cache", "test-report.json") } = process.env;
const progress = stderrProgress();
/** How ids of this run's labs begin; those of tests that vitest runs without this program begin with t. */
const testRun = `r${randomBytes(2).toString("hex").slice(1)}`;

/** A run of vitest: `tally` once it ended, `end` kills it with all its workers, so that none makes a lab after that. */
type VitestRun = { readonly tally: Promise<Tally>; readonly end: () => Promise<void> };

/** Starts vitest with this process's output. */
async function startVitest(args: readonly string[]): Promise<VitestRun> {
  await mkdir(dirname(reportFile), { recursive: true });
  await rm(reportFile, { force: true });
  const reporters = ["default", join(root, "test", "bootstrap", "test-reporter.ts")];
  const given = [...reporters.map((reporter) => `--reporter=${reporter}`), ...args];
  const child: ChildProcess = spawn(process.execPath, [toolPath("vitest", "vitest"), "run", ...given], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, LAB_TEST_RUN: testRun, TEST_REPORT: reportFile },
    detached: true,
  });
  const ended = once(child, "close");
  return {
    tally: ended.then(async ([exitCode]) => tallyOf(await readReport(), exitCode)),
    end: async () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // All have ended already.
      }
      await ended;
    },
  };
}

/** The report, of which it shows the slowest files; undefined if vitest broke before it wrote one. */
async function readReport(): Promise<TestReport | undefined> {
  const text = await readFile(reportFile, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const report = JSON.parse(text) as TestReport;
  console.log(["The slowest files:", ...slowestFiles(report), `Report: ${reportFile}`].join("\n"));
  return report;
}

/** Every check, then every test; with arguments, which go to vitest, no checks. */
async function run(args: readonly string[], started: (vitest: VitestRun) => void): Promise<Tally> {
  await prepareTests(args, progress);
  const checks = args.length === 0 ? await runChecks() : { passed: 0, failed: [] };
  const vitest = await startVitest(args);
  started(vitest);
  const { passed, failures, skipped } = await vitest.tally;
  return { passed: checks.passed + passed, failures: [...checks.failed, ...failures], skipped };
}

/** Resolves with the words for it when this process is told to end. */
function interrupted(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.once(signal, () => resolve(`interrupted by ${signal}`));
  });
}

/**
 * `npm test`: the last line says how many passed and failed, those before it what was skipped and what failed. However the
 * run ends, none of its labs stays.
 */
const running: { vitest?: VitestRun } = {};
const { passed, failures, skipped } = await Promise.race([
  run(process.argv.slice(2), (vitest) => {
    running.vitest = vitest;
  }),
  interrupted().then((why): Tally => ({ passed: 0, failures: [why], skipped: [] })),
]);
await running.vitest?.end();
for (const id of await listLabs()) if (id.startsWith(testRun)) await stopLab(id, progress);
if (skipped.length > 0) console.log(`${skipped.length} skipped:`);
for (const line of skipped) console.log(`SKIPPED ${line}`);
for (const line of failures) console.log(`FAILED ${line}`);
console.log(`${passed} passed, ${failures.length} failed`);
// Builds may still run after an interrupt.
process.exit(failures.length === 0 ? 0 : 1);
