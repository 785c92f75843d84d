import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { identify } from "../lab/processes/processes.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { root } from "./checks.ts";
import type { TestReport } from "./test-report.ts";

const program = [process.execPath, join(root, "test", "bootstrap", "test.ts")] as const;
const throughNpm = ["npm", "test", "--"] as const;
type Start = { readonly command?: readonly [string, ...string[]]; readonly more?: readonly string[] };

/** Runs `npm test`, or only its program, with the project's configuration on made-up test files: their text by their path. */
async function startRun(
  files: Readonly<Record<string, string>>,
  { command: [first, ...rest] = program, more = [] }: Start = {},
) {
  const folder = temporaryDirectory();
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }
  const report = join(folder, "report.json");
  const given = [...rest, "--globals", "--root", folder, "--config", join(root, "vitest.config.ts"), ...more];
  const child = spawn(first, given, {
    cwd: root,
    env: { ...process.env, TEST_REPORT: report },
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void child.kill());
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const ended = new Promise<{ readonly code: number | null; readonly lines: readonly string[] }>(
    (resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, lines: output.trimEnd().split("\n") }));
    },
  );
  const readReport = async () => JSON.parse(await readFile(report, "utf8")) as TestReport;
  return { child, folder, ended, readReport };
}

describe("npm test", () => {
  test("counts and names whatever fails, in a test or beside it", async () => {
    const { ended } = await startRun({
      "test/hooks.test.ts": `
        const fail = (why) => () => { throw new Error(why); };
        describe("set up", () => { beforeAll(fail("not set up")); test("is not run", () => {}); });
        describe("put away", () => { afterAll(fail("not put away")); test("passes", () => {}); });
        afterAll(fail("nor the file"));`,
      "test/skips.test.ts": `
        let tries = 0;
        test("says why", ({ skip }) => skip("no such kernel"));
        test.skip("says nothing", () => {});
        test.todo("comes later");
        test("passes again", { retry: 1 }, () => expect(++tries).toBe(2));`,
      "test/errors.test.ts": `
        test("ends all", () => process.exit(0));
        test("passes", () => void Promise.reject(new Error("nobody waits")));`,
      "test/killed.test.ts": `
        test("is killed", () => { process.kill(process.pid, "SIGKILL"); return new Promise(() => {}); });`,
      "test/load.test.ts": `throw new Error("does not load");`,
      "test/empty.test.ts": "",
    });
    const { code, lines } = await ended;
    expect(code).toBe(1);
    const failed = lines.filter((line) => line.startsWith("FAILED ")).map((line) => line.slice(7));
    expect(failed.sort()).toEqual([
      expect.stringMatching(/^test\/empty.test.ts: No test suite found/),
      expect.stringMatching(/^test\/errors.test.ts > ends all: failed: process.exit/),
      "test/hooks.test.ts: nor the file",
      "test/hooks.test.ts: put away: not put away",
      "test/hooks.test.ts: set up: not set up",
      "test/killed.test.ts > is killed: did not finish",
      "test/killed.test.ts: did not finish",
      "test/load.test.ts: does not load",
      "test/skips.test.ts > comes later: skipped without a reason",
      "test/skips.test.ts > passes again: passed only when run again",
      "test/skips.test.ts > says nothing: skipped without a reason",
      expect.stringMatching(/^unhandled: .*Worker/),
      "unhandled: nobody waits",
    ]);
    expect(lines.at(-1)).toBe("2 passed, 13 failed");
    // Files end in any order.
    expect(lines.filter((line) => line.startsWith("SKIPPED")).sort()).toEqual([
      "SKIPPED test/hooks.test.ts > set up > is not run: what stands around it broke",
      "SKIPPED test/skips.test.ts > says why: no such kernel",
    ]);
  });

  test("is green with a test skipped for a reason, runs parts before labs, and keeps a report", async () => {
    const { ended, readReport } = await startRun({
      "test/e2e/lab.test.ts": `test("a lab", () => {});`,
      "test/part.test.ts": `
        test("a part", () => {});
        test("no part", ({ skip }) => skip("no such kernel"));`,
    });
    const { code, lines } = await ended;
    expect(code).toBe(0);
    expect(lines.at(-1)).toBe("2 passed, 0 failed");
    expect(lines).toContain("1 skipped:");
    expect(lines).toContain("SKIPPED test/part.test.ts > no part: no such kernel");
    const { files } = await readReport();
    expect(files.map(({ file }) => file)).toEqual(["test/part.test.ts", "test/e2e/lab.test.ts"]);
    const slowest = lines.slice(lines.indexOf("The slowest files:") + 1, -3);
    expect(slowest.map((line) => line.replace(/^ +\d+\.\d s {2}/, "")).toSorted()).toEqual([
      expect.stringMatching(/^Report: .*report.json$/),
      "test/e2e/lab.test.ts",
      "test/part.test.ts",
    ]);
  });

  test("fails when no test has the name that was asked for", async () => {
    const { ended } = await startRun(
      { "test/part.test.ts": `test("a part", () => {});` },
      { more: ["-t", "a whole"] },
    );
    const { code, lines } = await ended;
    expect({ code, end: lines.slice(-2) }).toEqual({
      code: 1,
      end: ["FAILED no test ran", "0 passed, 1 failed"],
    });
  });

  test("fails when vitest is killed, and does not count an earlier report", async () => {
    const { ended } = await startRun({
      "report.json": JSON.stringify({
        files: [{ file: "a", seconds: 1, broken: [], tests: [{ name: "b", outcome: "passed" }] }],
        unhandled: [],
      }),
      "test/part.test.ts": `test("ends vitest", () => process.kill(process.ppid, "SIGKILL"));`,
    });
    const { code, lines } = await ended;
    expect({ code, end: lines.slice(-2) }).toEqual({
      code: 1,
      end: ["FAILED vitest ended without a report, exit code null", "0 passed, 1 failed"],
    });
  });

  test.each(["SIGINT", "SIGTERM"] as const)("takes its labs down on %s and fails", async (signal) => {
    // What a lab's id begins with is all that the program knows of it.
    const { child, folder, ended } = await startRun(
      {
        "test/part.test.ts": `
        import { mkdirSync, renameSync, writeFileSync } from "node:fs";
        import { tmpdir } from "node:os";
        test("never ends", () => {
          const lab = tmpdir() + "/headcni-lab-" + process.env.LAB_TEST_RUN + "x";
          mkdirSync(lab);
          writeFileSync(import.meta.dirname + "/new", JSON.stringify({ lab, pid: process.pid }));
          renameSync(import.meta.dirname + "/new", import.meta.dirname + "/up");
          return new Promise(() => {});
        });`,
      },
      { command: throughNpm },
    );
    const up = () => readFile(join(folder, "test", "up"), "utf8").catch(() => undefined);
    await waitUntil(async () => (await up()) !== undefined, { what: "the test runs", timeoutMs: 60_000 });
    const { lab, pid } = JSON.parse((await up()) ?? "") as { readonly lab: string; readonly pid: number };
    child.kill(signal);
    const { code, lines } = await ended;
    expect({ code, end: lines.slice(-2) }).toEqual({
      code: 1,
      end: [`FAILED interrupted by ${signal}`, "0 passed, 1 failed"],
    });
    expect(existsSync(lab)).toBe(false);
    const gone = async () => identify(pid) === undefined;
    await waitUntil(gone, { what: "the worker has ended", timeoutMs: 5_000 });
  });
});
