import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { listLabs } from "../lab/lab-store.ts";
import { stderrProgress } from "../lab/progress.ts";
import { stopLab } from "../lab/stop-lab.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { root, runChecks, toolPath } from "./checks.ts";
import { allowInotifyInstances } from "./inotify-instances.ts";
import { prepareTests } from "./prepare.ts";
import { slowestFiles, type Tally, type TestReport, tallyOf } from "./test-report.ts";

/** Where the report of the last run is kept. */
const { TEST_REPORT: reportFile = join(root, "node_modules", ".cache", "test-report.json") } = process.env;
const progress = stderrProgress();
/** How ids of this run's labs begin; those of tests that vitest runs without this program begin with t. */
const testRun = `r${randomBytes(2).toString("hex").slice(1)}`;

/** Runs vitest with this process's output, and with `built` in its environment. */
async function runVitest(args: readonly string[], built: Readonly<Record<string, string>>): Promise<Tally> {
  await mkdir(dirname(reportFile), { recursive: true });
  await rm(reportFile, { force: true });
  const reporters = ["default", join(root, "test", "bootstrap", "test-reporter.ts")];
  const given = [...reporters.map((reporter) => `--reporter=${reporter}`), ...args];
  const child = spawn(process.execPath, [toolPath("vitest", "vitest"), "run", ...given], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...built, LAB_TEST_RUN: testRun, TEST_REPORT: reportFile },
  });
  const [exitCode] = (await once(child, "close")) as [number | null];
  return tallyOf(await readReport(), exitCode);
}

/** Kills vitest, its workers and what they started, until none is left that could make a lab; labs go after that. */
async function killRun(): Promise<void> {
  const ended = async () => {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
    const ours = pids.filter((pid) => environmentOf(pid).includes(`LAB_TEST_RUN=${testRun}\0`));
    for (const pid of ours) killIfThere(pid);
    return ours.length === 0;
  };
  await waitUntil(ended, { what: "every process of the run has ended", timeoutMs: 20_000 });
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** As it was when the process began (proc_pid_environ(5)); empty for one that has ended. */
function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8");
  } catch {
    return "";
  }
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
async function run(args: readonly string[]): Promise<Tally> {
  const [checks, built] = await Promise.all([
    args.length === 0 ? runChecks() : { passed: 0, failed: [] },
    prepareTests(args, progress),
  ]);
  const { passed, failures, skipped } = await runVitest(args, built);
  return { passed: checks.passed + passed, failures: [...checks.failed, ...failures], skipped };
}

/** Resolves with the words for it when this process is told to end; from then on it is deaf to a second time. */
function interrupted(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(signal, () => resolve(`interrupted by ${signal}`));
  });
}

/**
 * `npm test`: the last line says how many passed and failed, those before it what was skipped and what failed. However the
 * run ends, none of its labs stays.
 */
const restoreInotifyInstances = allowInotifyInstances(progress);
const { passed, failures, skipped } = await Promise.race([
  run(process.argv.slice(2)),
  interrupted().then((why): Tally => ({ passed: 0, failures: [why], skipped: [] })),
]);
await killRun();
for (const id of await listLabs()) if (id.startsWith(testRun)) await stopLab(id, progress);
restoreInotifyInstances();
if (skipped.length > 0) console.log(`${skipped.length} skipped:`);
for (const line of skipped) console.log(`SKIPPED ${line}`);
for (const line of failures) console.log(`FAILED ${line}`);
console.log(`${passed} passed, ${failures.length} failed`);
// Builds may still run after an interrupt.
process.exit(failures.length === 0 ? 0 : 1);
