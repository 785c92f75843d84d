import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { waitUntil } from "../lab/wait-until.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { root } from "./checks.ts";

/** Starts `.ci/run` with a shell script in npm's place; `$1` in it is `test` for the tests, `run` for conformance. */
async function startCi(npm: string) {
  const folder = temporaryDirectory();
  await writeFile(join(folder, "npm"), `#!/bin/sh\ncd '${folder}'\n${npm}\n`, { mode: 0o755 });
  const child = spawn("sh", [join(root, ".ci/run")], {
    env: { ...process.env, PATH: `${folder}:${process.env["PATH"]}` },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const ended = new Promise<{ readonly code: number | null; readonly lastLine: string | undefined }>(
    (resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, lastLine: output.trimEnd().split("\n").at(-1) }));
    },
  );
  return { child, folder, ended };
}

const conformancePasses = `[ "$1" = test ] || { echo 'conformance with it, 3 s: 7 passed, 0 failed'; exit 0; }`;

/** Runs `.ci/run` to its end; conformance passes. */
async function ciWithTests(npmTest: string) {
  return await (await startCi(`${conformancePasses}\n${npmTest}`)).ended;
}

test("both parts' tallies are added", async () => {
  expect(await ciWithTests("echo '5 passed, 0 failed'")).toEqual({
    code: 0,
    lastLine: "12 passed, 0 failed",
  });
  const failed = await ciWithTests("echo '5 passed, 2 failed'; exit 1");
  expect(failed).toEqual({ code: 1, lastLine: "12 passed, 2 failed" });
});

test.each([
  ["no tally and code 0", "echo all is well"],
  ["no output", ":"],
  ["a tally in colour", "printf '\\033[32m5 passed, 0 failed\\033[0m\\n'"],
  ["a tally with a carriage return", "printf '5 passed, 0 failed\\r\\n'"],
  ["a tally that is not its last line", "echo '5 passed, 0 failed'; echo Aborted"],
  ["a tally of nothing", "echo '0 passed, 0 failed'"],
])("a part with %s has failed", async (_, npmTest) => {
  expect(await ciWithTests(npmTest)).toEqual({ code: 1, lastLine: "7 passed, 1 failed" });
});

test("a part that ends with another code than 0, or by a signal, has failed whatever its tally says", async () => {
  const lastLine = "12 passed, 1 failed";
  expect(await ciWithTests("echo '5 passed, 0 failed'; exit 3")).toEqual({ code: 1, lastLine });
  expect(await ciWithTests("echo '5 passed, 0 failed'; kill -9 $$")).toEqual({ code: 1, lastLine });
  // The second part is judged like the first.
  const { code } = await (await startCi(`[ "$1" = run ] || echo '5 passed, 0 failed'`)).ended;
  expect(code).toBe(1);
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s ends the part that runs, waits for it, and starts no other", async (signal, code) => {
  const { child, folder, ended } = await startCi(
    `[ "$1" = test ] || touch second
     trap 'echo gone >ended; exit 1' TERM
     touch started
     while [ -e started ]; do sleep 0.05; done`,
  );
  const exists = (name: string) =>
    readFile(join(folder, name)).then(
      () => true,
      () => false,
    );
  await waitUntil(() => exists("started"), { what: "the first part runs", timeoutMs: 20_000 });
  child.kill(signal);
  expect((await ended).code).toBe(code);
  expect(await exists("ended")).toBe(true);
  expect(await exists("second")).toBe(false);
});
