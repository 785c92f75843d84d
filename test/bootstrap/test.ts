import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listLabs } from "../lab/lab-store.ts";
import { stderrProgress } from "../lab/progress.ts";
import { stopLab } from "../lab/stop-lab.ts";
import { root, runChecks, toolPath } from "./checks.ts";
import { prepareTests } from "./prepare.ts";
import { type Tally, tallyOf, type VitestReport } from "./vitest-report.ts";

/** Runs vitest with this process's output and arguments, and counts. */
async function runVitest(args: readonly string[], testRun: string): Promise<Tally> {
  const folder = await mkdtemp(join(tmpdir(), "headcni-test-"));
  const file = join(folder, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const child = spawn(process.execPath, [toolPath("vitest", "vitest"), "run", ...reporters, ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, LAB_TEST_RUN: testRun },
  });
  const exitCode = await new Promise<number | null>((resolve, reject) =>
    child.once("error", reject).once("close", resolve),
  );
  const text = await readFile(file, "utf8").catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
  return tallyOf(text === undefined ? undefined : (JSON.parse(text) as VitestReport), exitCode);
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
await prepareTests(args, progress);
const checks = args.length === 0 ? await runChecks() : { passed: 0, failed: [] };
const tally = await runVitest(args, testRun).finally(() => stopLabsOf(testRun));
const failed = checks.failed.length + tally.failed;
console.log(`${checks.passed + tally.passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
