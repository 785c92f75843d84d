import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureTools } from "../lab/build/tools.ts";
import { listLabs } from "../lab/lab-store.ts";
import { stderrProgress } from "../lab/progress.ts";
import { stopLab } from "../lab/stop-lab.ts";
import { root, runChecks, toolPath } from "./checks.ts";

/** What vitest's JSON reporter writes, as far as it is used here. */
type VitestReport = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly success: boolean;
};

/** Runs vitest with this process's output and arguments, and returns its report; undefined if it broke before one. */
async function runVitest(args: readonly string[], testRun: string): Promise<VitestReport | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "headcni-test-"));
  const file = join(folder, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const child = spawn(process.execPath, [toolPath("vitest", "vitest"), "run", ...reporters, ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, LAB_TEST_RUN: testRun },
  });
  await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  const text = await readFile(file, "utf8").catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
  return text === undefined ? undefined : (JSON.parse(text) as VitestReport);
}

/** Takes down what a test run left that was interrupted or broke. */
async function stopLabsOf(testRun: string): Promise<void> {
  const ours = (await listLabs()).filter((id) => id.startsWith(testRun));
  for (const id of ours) await stopLab(id, progress);
}

/** `npm test`: every check, then every test; the last line says how many passed and failed. Arguments go to vitest. */
const args = process.argv.slice(2);
const progress = stderrProgress();
const testRun = `t${randomBytes(1).toString("hex")}`;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // Vitest gets the signal too and ends; the labs are then taken down below.
  process.on(signal, () => progress(`${signal}: ending`));
}
// First, so that no test waits for an installation or a build within its own time limit.
await ensureTools("bundle", progress, { network: "headcni", proxyMode: "nftables" });
const checks = args.length === 0 ? await runChecks() : { passed: 0, failed: [] };
const report = await runVitest(args, testRun).finally(() => stopLabsOf(testRun));
// A run that vitest calls unsuccessful without a failed test (a file that does not load, an unhandled error) failed too.
const failedTests = report === undefined ? 1 : Math.max(report.numFailedTests, report.success ? 0 : 1);
const failed = checks.failed.length + failedTests;
console.log(`${checks.passed + (report?.numPassedTests ?? 0)} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
