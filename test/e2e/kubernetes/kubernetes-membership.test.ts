import { readdir } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { clusterNodesLimits } from "../../../machines/cluster-nodes/cluster-nodes-machine.ts";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import { nodeLogFile } from "../../lab/kubernetes/cluster.ts";
import { applyObjects, getJson, kubectl } from "../../lab/kubernetes/control-plane/kubectl.ts";
import { nodeObject } from "../../lab/kubernetes/node/kubelet.ts";
import { cutPower, powerOn } from "../../lab/kubernetes/node/node-power.ts";
import { waitForWorkload, workloadObjects, workloadPods } from "../../lab/kubernetes/workload/workload.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { tailOf } from "../../lab/processes/log-tail.ts";
import { headscale } from "../../lab/tailnet/headscale.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { evaluateInDaemon } from "../support/daemon-debugger.ts";
import { allTalk } from "../support/traffic/pods-talk.ts";
import { useLab } from "../support/use-lab.ts";
import { samples } from "../support/views/daemon-view.ts";
import { nothingStray, strayKernelState } from "../support/views/stray-kernel-state.ts";

/** Installed by the chart, and with an API key on each node: then peers clear the place of a node that left. */
const lab = useLab({ nodes: 3, approval: "api", kubernetes: { network: "chart", proxyMode: "iptables" } });
const node = (name: string): LabNode => nodeOf(lab(), name);

/** n1's timers of a grace period are short. That it is a minute is proven in test/machines/cluster-nodes/cluster-nodes.test.ts. */
const shorten = `globalThis.setTimeout = ((set) => (work, ms, ...args) =>
  set(work, ms === ${clusterNodesLimits.grace} ? 5_000 : ms, ...args))(globalThis.setTimeout)`;

type Condition = { readonly type: string; readonly status: string; readonly lastHeartbeatTime: string };

async function readyCondition(name: string): Promise<Condition | undefined> {
  const { status } = await getJson<{ readonly status: { readonly conditions: readonly Condition[] } }>(
    lab(),
    ["node", name],
  );
  return status.conditions.find(({ type }) => type === "Ready");
}

/**
 * Powers a node on and waits until its kubelet says Ready. What the API server has until kubelet's first report is of before: `True`,
 * and `Unknown` from 50 s without a report on (kube-controller-manager's --node-monitor-grace-period).
 */
async function boot(name: string): Promise<void> {
  const secondOf = (time: number) => Math.floor(time / 1000);
  const bootedAt = Date.now();
  await powerOn(lab(), node(name));
  await waitForDaemon(lab(), node(name), 180_000);
  const isReady = async () => {
    const condition = await readyCondition(name);
    const reportedAt = Date.parse(condition?.lastHeartbeatTime ?? "");
    return condition?.status === "True" && secondOf(reportedAt) >= secondOf(bootedAt);
  };
  await waitUntil(isReady, {
    what: `kubelet of ${name} says Ready since the boot at ${new Date(bootedAt).toISOString()}`,
    timeoutMs: 180_000,
    everyMs: 500,
    explain: async () =>
      `${JSON.stringify(await readyCondition(name))}\n${await tailOf(nodeLogFile(node(name), "kubelet"))}`,
  });
}

/** DEL answers before the kernel is done with the link, and kubelet reports a pod some time after it attached it. */
async function nothingIsStray(name: string): Promise<void> {
  const stray = () => strayKernelState(lab(), node(name));
  await waitUntil(async () => isDeepStrictEqual(await stray(), nothingStray), {
    what: `the kernel of ${name} has the links and routes of its pods only`,
    timeoutMs: 30_000,
    everyMs: 500,
    explain: async () => JSON.stringify(await stray()),
  });
}

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
  await evaluateInDaemon(lab(), node("n1"), shorten);
  await applyObjects(lab(), workloadObjects({ name: "who", replicas: 6 }));
  await waitForWorkload(lab(), "who", 110);
  await allTalk(lab(), "who", 6);
  expect(await routeStates("n1", node("n3").podCIDR)).toEqual(["installed"]);
  expect(await tailnetNodes()).toEqual(["n1", "n2", "n3"]);
  // What becomes of its place is looked at when the grace period is over.
  await cutPower(lab(), node("n3"));
  await kubectl(lab(), ["delete", "node", "n3"]);
  // The control plane's garbage collection would take them a minute later (podgc, `quarantineTime` and `gcCheckPeriod`).
  await kubectl(lab(), ["delete", "pods", "-A", "--field-selector=spec.nodeName=n3", "--force"]);
});

test("a node that boots again, with the conflist already there, becomes Ready, its pods talk, and the kernel has theirs only", async () => {
  await cutPower(lab(), node("n2"));
  expect((await readdir(node("n2").cniConfDir)).join()).toContain("headcni");
  await boot("n2");
  await allTalk(lab(), "who", 6);
  await nothingIsStray("n2");
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
  await boot("n3");
  await kubectl(lab(), ["scale", "deployment/who", "--replicas=9"]);
  await waitForWorkload(lab(), "who", 110);
  await allTalk(lab(), "who", 9);
  expect(new Set((await workloadPods(lab(), "who")).map((pod) => pod.node))).toEqual(
    new Set(["n1", "n2", "n3"]),
  );
});

test("a Deployment that is scaled down leaves no link and no route behind", async () => {
  await kubectl(lab(), ["scale", "deployment/who", "--replicas=0"]);
  await kubectl(lab(), ["wait", "pods", "-l", "app=who", "--for=delete", "--timeout=60s"]);
  for (const { name } of lab().nodes) await nothingIsStray(name);
});
