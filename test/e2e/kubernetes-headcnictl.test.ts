import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { clusterOf } from "../lab/kubernetes/cluster.ts";
import { inNetns } from "../lab/netns.ts";
import { run, runResult } from "../lab/run-command.ts";
import { useLab } from "./support/use-lab.ts";

/** headcnictl beside the cluster: it reaches HeadCNI's pods, as the chart installs them, through the API server alone. */
const lab = useLab({ nodes: 2, kubernetes: { network: "chart", proxyMode: "nftables" } });
const program = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");

function headcnictl(...words: readonly string[]) {
  const { kubeconfig } = clusterOf(lab());
  const command = [process.execPath, program, "--kubeconfig", kubeconfig, ...words] as const;
  return runResult(inNetns(lab().netns, command), { timeoutMs: 180_000 });
}

test("status of all nodes is one table, and one document with a document each", async () => {
  const human = await headcnictl("status", "--all-nodes");
  expect(human).toMatchObject({ exitCode: 0 });
  expect(human.stdout).toMatch(/n1 +proven/);
  expect(human.stdout).toMatch(/n2 +proven/);
  const json = JSON.parse((await headcnictl("status", "--all-nodes", "-o", "json")).stdout);
  expect(json).toMatchObject({
    apiVersion: "headcnictl/v1",
    kind: "NodeList",
    nodes: [
      { node: "n1", exitCode: 0, document: { kind: "Status", status: { node: "n1" } } },
      { node: "n2", exitCode: 0, document: { kind: "Status", status: { node: "n2" } } },
    ],
  });
});

test("options and words reach the node; what it does not know keeps its exit code", async () => {
  const machines = await headcnictl("machines", "--node", "n2", "--machine", "pods", "-o", "json");
  expect(JSON.parse(machines.stdout).nodes[0].document.machines).toHaveLength(1);
  const traced = await headcnictl("trace", "--node", "n1", "default/nothing");
  expect(traced).toMatchObject({ exitCode: 4, stdout: expect.stringContaining('"default/nothing"') });
});

test("a node that does not exist is answered with its neighbour, a wrong context with the right ones", async () => {
  expect(await headcnictl("status", "--node", "n3")).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining("did you mean n"),
  });
  expect(await headcnictl("status", "--all-nodes", "--context", "nope")).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('has no context "nope"'),
  });
});

test("diagnostics of all nodes is one archive with a folder each", async () => {
  const folder = await mkdtemp(join(tmpdir(), "headcnictl-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const archive = join(folder, "all.tar.gz");
  expect(await headcnictl("diagnostics", "--all-nodes", "--file", archive)).toMatchObject({ exitCode: 0 });
  await run(["tar", "xzf", archive, "-C", folder, "--strip-components=1"]);
  for (const node of ["n1", "n2"])
    expect(await readdir(join(folder, node))).toEqual(
      expect.arrayContaining(["status.json", "logs.json", "kernel", "manifest.json"]),
    );
});
