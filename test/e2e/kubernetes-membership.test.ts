import { readdir } from "node:fs/promises";
import { beforeAll, expect, test } from "vitest";
import { waitForDaemon } from "../lab/daemon.ts";
import { headscale } from "../lab/headscale.ts";
import { applyObjects, kubectl } from "../lab/kubernetes/kubectl.ts";
import { nodeObject } from "../lab/kubernetes/kubelet.ts";
import { cutPower, powerOn } from "../lab/kubernetes/node-power.ts";
import { waitForWorkload, workloadObjects, workloadPods } from "../lab/kubernetes/workload.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { samples } from "./support/daemon-view.ts";
import { allTalk } from "./support/pods-talk.ts";
import { useLab } from "./support/use-lab.ts";

/** Installed by the chart, and with an API key on each node: then peers clear the place of a node that left. */
const lab = useLab({ nodes: 3, approval: "api", kubernetes: { network: "chart", proxyMode: "nftables" } });
const node = (name: string): LabNode => nodeOf(lab(), name);

const ready = (name: string) =>
  kubectl(lab(), ["wait", "--for=condition=Ready", `node/${name}`, "--timeout=180s"], { timeoutMs: 190_000 });

/** The states in which `observer` has the route to a peer's pod CIDR. */
async function routeStates(observer: string, prefix: string): Promise<readonly (string | undefined)[]> {
  const all = await samples(node(observer));
  return all
    .filter(({ name, labels }) => name === "headcni_route_state" && labels["prefix"] === prefix)
    .map(({ labels }) => labels["state"]);
}

async function tailnetNodes(): Promise<readonly string[]> {
  type Node = { readonly name: string };
  const printed = await headscale(lab(), ["nodes", "list", "--output", "json"]);
  return (JSON.parse(printed) as readonly Node[]).map(({ name }) => name).sort();
}

beforeAll(async () => {
  await applyObjects(lab(), workloadObjects({ name: "who", replicas: 6 }));
  await waitForWorkload(lab(), "who", 110);
  await allTalk(lab(), "who", 6);
  expect(await routeStates("n1", node("n3").podCIDR)).toEqual(["installed"]);
  expect(await tailnetNodes()).toEqual(["n1", "n2", "n3"]);
  // What becomes of its place is looked at when the grace period is over.
  await cutPower(lab(), node("n3"));
  await kubectl(lab(), ["delete", "node", "n3"]);
});

test("a node that boots again, with the conflist already there, becomes Ready and its pods talk", async () => {
  await cutPower(lab(), node("n2"));
  expect((await readdir(node("n2").cniConfDir)).join()).toContain("headcni");
  await powerOn(lab(), node("n2"));
  await waitForDaemon(lab(), node("n2"), 180_000);
  await ready("n2");
  await allTalk(lab(), "who", 6);
});

test("peers withdraw the prefix of a Node that left, and its place in the tailnet is cleared", async () => {
  const withdrawn = async () => !(await routeStates("n1", node("n3").podCIDR)).includes("installed");
  await waitUntil(withdrawn, {
    what: "n1 does not take n3's prefix for a Node's any more",
    timeoutMs: 240_000,
    everyMs: 500,
  });
  await waitUntil(async () => !(await tailnetNodes()).includes("n3"), {
    what: "Headscale has forgotten n3",
    timeoutMs: 120_000,
    everyMs: 500,
    explain: async () => (await tailnetNodes()).join(),
  });
  expect(await tailnetNodes()).toEqual(["n1", "n2"]);
});

test("a node that joins under that name becomes Ready, and its pods talk to all others", async () => {
  await applyObjects(lab(), [nodeObject(node("n3"))]);
  await powerOn(lab(), node("n3"));
  await waitForDaemon(lab(), node("n3"), 180_000);
  await ready("n3");
  await kubectl(lab(), ["scale", "deployment/who", "--replicas=9"]);
  await waitForWorkload(lab(), "who", 110);
  await allTalk(lab(), "who", 9);
  expect(new Set((await workloadPods(lab(), "who")).map((pod) => pod.node))).toEqual(
    new Set(["n1", "n2", "n3"]),
  );
});
