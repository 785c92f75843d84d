import { expect, test } from "vitest";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import { applyObjects, kubectl } from "../../lab/kubernetes/control-plane/kubectl.ts";
import { headscaleInPod, startHeadscalePod } from "../../lab/kubernetes/headscale-pod.ts";
import { installChart } from "../../lab/kubernetes/install/install.ts";
import { cutPower, powerOn } from "../../lab/kubernetes/node/node-power.ts";
import { waitForWorkload, workloadObjects } from "../../lab/kubernetes/workload/workload.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { stderrProgress } from "../../lab/progress.ts";
import { killService } from "../../lab/services.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { allTalk } from "../support/traffic/pods-talk.ts";
import { useLab } from "../support/use-lab.ts";
import { nothingStray, strayKernelState } from "../support/views/stray-kernel-state.ts";

/** Headscale is a pod on n1, and nodes become Ready by HeadCNI, which needs Headscale: neither may wait for the other. */
const lab = useLab({
  nodes: 2,
  kubernetes: { network: "chart", proxyMode: "nftables", installLater: true },
});
const node = (name: string): LabNode => nodeOf(lab(), name);

async function readyStatus(): Promise<readonly string[]> {
  const each = `{range .items[*]}{.status.conditions[?(@.type=="Ready")].status} {end}`;
  return (await kubectl(lab(), ["get", "nodes", `-o=jsonpath=${each}`])).trim().split(" ");
}

async function tailnetNodes(): Promise<readonly string[]> {
  type Node = { readonly name: string };
  const printed = await headscaleInPod(lab(), ["nodes", "list", "--output", "json"]);
  return (JSON.parse(printed) as readonly Node[]).map(({ name }) => name).sort();
}

/** Waits until all pods have their network, and sees that nothing of before is left. */
async function everythingIsBack(): Promise<void> {
  await Promise.all(lab().nodes.map((each) => waitForDaemon(lab(), each, 180_000)));
  const ready = ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=180s"];
  await kubectl(lab(), ready, { timeoutMs: 190_000 });
  await allTalk(lab(), "who", 6);
  const stray = async () => await Promise.all(lab().nodes.map((each) => strayKernelState(lab(), each)));
  const clean = JSON.stringify(lab().nodes.map(() => nothingStray));
  // Of other pods the API server hears later.
  await waitUntil(async () => JSON.stringify(await stray()) === clean, {
    what: "links and routes are those of the pods",
    timeoutMs: 120_000,
    everyMs: 500,
    explain: async () => JSON.stringify(await stray()),
  });
  expect(await tailnetNodes()).toEqual(["n1", "n2"]);
}

test("first boot: Headscale runs on a node that is not ready, and by it all nodes become Ready", async () => {
  await killService(lab(), { name: "headscale" });
  const seen = await startHeadscalePod(lab(), node("n1"));
  expect(await readyStatus()).toEqual(["False", "False"]);
  await installChart(seen, stderrProgress());
  await applyObjects(lab(), workloadObjects({ name: "who", replicas: 6 }));
  await waitForWorkload(lab(), "who", 110);
  await everythingIsBack();
});

test("the node with Headscale boots again: all comes back by itself", async () => {
  await cutPower(lab(), node("n1"));
  await powerOn(lab(), node("n1"));
  await everythingIsBack();
});

test("all nodes boot at once, with everything of before on their disks: all comes back by itself", async () => {
  await Promise.all(lab().nodes.map((each) => cutPower(lab(), each)));
  await Promise.all(lab().nodes.map((each) => powerOn(lab(), each)));
  await everythingIsBack();
});
