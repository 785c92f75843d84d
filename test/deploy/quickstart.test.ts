import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { judge } from "../../src/cli/doctor/judge/judge.ts";
import { policy } from "../cli/doctor/judge/changed-facts.ts";
import { settings } from "../cli/doctor/judge/sample-facts.ts";
import { ensureHelm } from "../lab/build/helm-tool.ts";
import { stderrProgress } from "../lab/progress.ts";
import { runResult } from "../lab/run-command.ts";

const repository = join(import.meta.dirname, "..", "..");
const text = await readFile(join(repository, "docs", "quickstart-homes.md"), "utf8");
/** What is to be typed, block by block. */
const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block);

test("a shell understands every block of the quickstart", async () => {
  expect(blocks.length).toBeGreaterThan(5);
  for (const block of blocks)
    expect(await runResult(["sh", "-n", "-c", block]), block).toMatchObject({ exitCode: 0, stderr: "" });
});

test("the chart takes the values of its helm install", async () => {
  const helm = await ensureHelm(stderrProgress());
  const command = /helm install headcni (.*?[^\\])$/ms.exec(blocks.join("\n"))?.[1]?.replaceAll("\\\n", " ");
  const words = (command ?? "").split(/\s+/);
  const result = await runResult([helm, "template", "headcni", ...words], { cwd: repository });
  expect(result.exitCode, result.stderr).toBe(0);
  expect(result.stdout).toContain("mode: host");
}, 900_000);

test("the values of both modes in one cluster make two releases without a common node", async () => {
  const helm = await ensureHelm(stderrProgress());
  const operators = await readFile(join(repository, "docs", "operators.md"), "utf8");
  const [, values = ""] = /^```yaml\n(# common\.yaml.*?)^```$/ms.exec(operators) ?? [];
  const [daemon = "", host = ""] = values.split(/^(?=# host\.yaml)/m);
  const given = ["--set=headscale.url=https://h.example", "--set=network.podCIDR=10.244.0.0/16"];
  const rendered = async (input: string) => {
    const words = [...given, "--set=headscale.existingSecret=s", "--values=-"];
    const chart = join(repository, "deploy", "chart", "headcni");
    const result = await runResult([helm, "template", "r", chart, ...words], { input });
    expect(result.exitCode, result.stderr).toBe(0);
    return result.stdout;
  };
  const [ofDaemon, ofHost] = [await rendered(daemon), await rendered(host)];
  expect(ofDaemon).toMatch(/key: headcni\.github\.io\/mode\n +operator: NotIn\n/);
  expect(ofDaemon).toContain("name: headcni-wire\n");
  expect(ofHost).toContain("headcni.github.io/mode: host\n");
  expect(ofHost).toContain("name: headcni-host\n");
  expect(ofHost).not.toContain("name: headcni\n  namespace");
}, 900_000);

test("its policy approves the routes of its nodes and lets pods talk", () => {
  const [, json = ""] = /policy\.json <<'END'\n(.*?)^END$/ms.exec(blocks.join("\n")) ?? [];
  const findings = judge(policy(json), settings).filter(({ id }) =>
    ["headscale.approvers", "headscale.policy"].includes(id),
  );
  expect(findings.map(({ result }) => result)).toEqual(["ok", "ok"]);
});
