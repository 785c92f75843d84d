import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { silent } from "../lab/progress.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { runGinkgo } from "./run-tests.ts";

/** Runs a shell script in Ginkgo's place; `passed.json` beside it is a report of one test that passed. */
async function runScript(script: string) {
  const folder = temporaryDirectory();
  const spec = { LeafNodeType: "It", State: "passed", ContainerHierarchyTexts: null, LeafNodeText: "one" };
  await writeFile(
    join(folder, "passed.json"),
    JSON.stringify([{ SpecReports: [{ ...spec, RunTime: 1e9 }] }]),
  );
  return await runGinkgo(["sh", "-c", script], folder, silent);
}

test("a green report counts only with exit code 0", async () => {
  expect(await runScript("mv passed.json report.json")).toMatchObject({ passed: 1, failed: [] });
  const failed = await runScript("mv passed.json report.json; exit 1");
  expect(failed.failed).toEqual([{ name: "the run", reason: "exit code 1" }]);
  const killed = await runScript("mv passed.json report.json; kill -9 $$");
  expect(killed.failed).toEqual([{ name: "the run", reason: "exit code null" }]);
});

test("a run that ends without a report fails and shows the end of its log", async () => {
  await expect(runScript("echo the cluster is gone")).rejects.toThrow("the cluster is gone");
});
