import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { run, runResult } from "../lab/run-command.ts";

const repository = join(import.meta.dirname, "..", "..");
const text = await readFile(join(repository, "docs", "quickstart-kubeadm.md"), "utf8");
const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block);

test("a shell understands every block of the guide", async () => {
  expect(blocks.length).toBeGreaterThan(8);
  for (const block of blocks)
    expect(await runResult(["sh", "-n", "-c", block]), block).toMatchObject({ exitCode: 0, stderr: "" });
});

test("its policy is the one that headcnictl prints for its pods", async () => {
  const [, policy = ""] = /policy\.hujson <<'END'\n(.*?)^END$/ms.exec(blocks.join("\n")) ?? [];
  const command = [join(repository, "src", "cli", "main.ts"), "policy", "--without-nodes"];
  const printed = await run([process.execPath, ...command, "--pod-cidr=10.244.0.0/16"]);
  // YAML allows commas at the end, too, but not these comments.
  expect(JSON.parse(policy)).toEqual(parse(printed.replaceAll(/^\s*\/\/.*$/gm, "")));
});
