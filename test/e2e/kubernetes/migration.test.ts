import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applyObjects, kubectl } from "../../lab/kubernetes/control-plane/kubectl.ts";
import { chartFolder, helm, release, writeValues } from "../../lab/kubernetes/install/helm.ts";
import { waitForRollout } from "../../lab/kubernetes/install/install.ts";
import { inNode } from "../../lab/kubernetes/node/node-machine.ts";
import { cutPower, powerOn } from "../../lab/kubernetes/node/node-power.ts";
import { provideReferenceNetwork } from "../../lab/kubernetes/reference-network.ts";
import {
  type ClusterPod,
  waitForWorkload,
  workloadObjects,
  workloadPods,
} from "../../lab/kubernetes/workload/workload.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { run } from "../../lab/run-command.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { askAllFromPod, askFromNode } from "../support/traffic/ask-who.ts";
import { allTalk } from "../support/traffic/pods-talk.ts";
import { useLab } from "../support/use-lab.ts";

/** docs/migration.md: from another CNI (reference plugins and plain routes) to HeadCNI and back, with pods that run. */
const lab = useLab({ nodes: 3, kubernetes: { network: "none", proxyMode: "nftables" } });
const label = "example.org/cni";

/** It sorts before HeadCNI's, as those of most others do. */
const formerFile = (node: LabNode) => join(node.cniConfDir, "05-former.conflist");

async function provideFormer(): Promise<void> {
  for (const node of lab().nodes) {
    await provideReferenceNetwork(lab(), node);
    await rename(join(node.cniConfDir, "10-reference.conflist"), formerFile(node));
  }
}

async function onNode(node: LabNode, script: string): Promise<string> {
  return await run(await inNode(lab(), node, ["sh", "-euc", script]), { timeoutMs: 60_000 });
}

/** What the former CNI's own uninstall does, but for the links of pods that run. */
async function removeFormer(node: LabNode): Promise<void> {
  await rm(formerFile(node));
  const others = lab().nodes.filter((other) => other !== node);
  await onNode(
    node,
    `nft delete table ip reference\n${others.map(({ podCIDR }) => `ip route del ${podCIDR}`).join("\n")}`,
  );
}

/** Between which nodes pods reach each other, as `n1>n2`. */
async function reached(): Promise<readonly string[]> {
  const pods = await workloadPods(lab(), "who");
  const answers = await Promise.all(
    pods.map(async (from) => {
      const got = await askAllFromPod(
        lab(),
        from,
        pods.map(({ address }) => `${address}:80`),
      );
      return pods.flatMap((to, index) => (got[index] === undefined ? [] : [`${from.node}>${to.node}`]));
    }),
  );
  return answers.flat().sort();
}

const all = ["n1", "n2", "n3"].flatMap((from) => ["n1", "n2", "n3"].map((to) => `${from}>${to}`));

async function readyPods(): Promise<readonly ClusterPod[]> {
  await waitForWorkload(lab(), "who", 110);
  return await workloadPods(lab(), "who");
}

/** The steps of the page, in its order. */
async function migrate(node: LabNode): Promise<void> {
  await kubectl(lab(), ["drain", node.name, "--ignore-daemonsets", "--force", "--timeout=60s"]);
  await kubectl(lab(), ["label", "node", node.name, `${label}=headcni`]);
  await rm(formerFile(node));
  await cutPower(lab(), node);
  await powerOn(lab(), node);
  const ready = async () => {
    const said = await kubectl(lab(), ["get", "nodes", "-l", `${label}=headcni`, "--no-headers"]);
    const daemons = ["-n", release.namespace, "rollout", "status", "ds/headcni", "--timeout=60s"];
    await kubectl(lab(), daemons).catch(() => "");
    return !said.includes("NotReady");
  };
  await waitUntil(ready, { what: `${node.name} is Ready`, timeoutMs: 120_000 });
  await kubectl(lab(), ["uncordon", node.name]);
  await readyPods();
}

test("a cluster with another CNI", async () => {
  await provideFormer();
  await kubectl(lab(), ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=110s"]);
  await applyObjects(lab(), workloadObjects({ name: "who", replicas: 3 }));
  await readyPods();
  await allTalk(lab(), "who", 3);
  expect(await reached()).toEqual(all);
});

test("node by node: pods reach those of nodes with the same CNI, and in the end all", async () => {
  const values = await writeValues(lab());
  const only = "--set-string=nodeSelector.example\\.org/cni=headcni";
  await helm(lab(), ["install", release.name, chartFolder, `--values=${values}`, only]);
  // A release without a node changes nothing.
  expect(await reached()).toEqual(all);
  const islands = [
    ["n1>n1", "n2>n2", "n2>n3", "n3>n2", "n3>n3"],
    ["n1>n1", "n1>n2", "n2>n1", "n2>n2", "n3>n3"],
  ];
  for (const [index, node] of lab().nodes.entries()) {
    await migrate(node);
    const expected = islands[index] ?? all;
    await waitUntil(async () => (await reached()).join() === expected.join(), {
      what: `after ${node.name} pods reach ${expected.join(" ")} and no other`,
      timeoutMs: 60_000,
      explain: async () => (await reached()).join(" "),
    });
  }
  await helm(lab(), ["upgrade", release.name, chartFolder, `--values=${values}`]);
  await waitForRollout(lab());
  await allTalk(lab(), "who", 3);
});

test("back, all at once", async () => {
  await kubectl(lab(), ["scale", "deployment/who", "--replicas=0"]);
  await helm(lab(), ["uninstall", release.name]);
  for (const node of lab().nodes) expect(await readdir(node.cniConfDir)).toEqual([]);
  await provideFormer();
  await kubectl(lab(), ["scale", "deployment/who", "--replicas=3"]);
  await readyPods();
  await allTalk(lab(), "who", 3);
});

test("all at once: what still runs of the former CNI is cut off, also from its own node, until it is deleted", async () => {
  const former = await readyPods();
  for (const node of lab().nodes) await removeFormer(node);
  const values = await writeValues(lab());
  await helm(lab(), ["install", release.name, chartFolder, `--values=${values}`]);
  await waitForRollout(lab());
  expect(await reached()).toEqual(["n1>n1", "n2>n2", "n3>n3"]);
  for (const { node, address } of former)
    expect(await askFromNode(lab(), nodeOf(lab(), node), `${address}:80`)).toBeUndefined();
  await kubectl(lab(), ["delete", "pods", "--all", "--namespace=default"]);
  await readyPods();
  await allTalk(lab(), "who", 3);
});
