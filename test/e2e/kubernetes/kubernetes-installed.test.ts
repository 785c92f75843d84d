import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import { readyPage } from "../../lab/headcni/daemon-pages.ts";
import { applyObjects, getJson, kubectl } from "../../lab/kubernetes/control-plane/kubectl.ts";
import { addStaticPod, removeStaticPod } from "../../lab/kubernetes/node/static-pods.ts";
import { openClusterPod } from "../../lab/kubernetes/workload/open-cluster-pod.ts";
import { waitForWorkload, workloadObjects, workloadPods } from "../../lab/kubernetes/workload/workload.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { execInPod, type Pod } from "../../lab/pods.ts";
import { stderrProgress } from "../../lab/progress.ts";
import { run } from "../../lab/run-command.ts";
import { killService, startService } from "../../lab/services.ts";
import { peerPaths } from "../../lab/tailnet/local-api.ts";
import { startPodServer, startProbe } from "../../lab/traffic/traffic.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { headcnictlTests } from "../support/test-groups/headcnictl-tests.ts";
import { monitoringTests } from "../support/test-groups/monitoring-tests.ts";
import { newNodeTests } from "../support/test-groups/new-node-tests.ts";
import { allTalk } from "../support/traffic/pods-talk.ts";
import { useLab } from "../support/use-lab.ts";
import { metric } from "../support/views/daemon-view.ts";
import { podKernelState } from "../support/views/kernel-view.ts";

/** How long the API server is away at least, beyond what the test does meanwhile: `HEADCNI_API_OUTAGE_SECONDS=600`. */
const { HEADCNI_API_OUTAGE_SECONDS = "0" } = process.env;
const outageMs = Number(HEADCNI_API_OUTAGE_SECONDS) * 1000;

/** As the chart installs HeadCNI: the tests that leave such a lab as it is share one. */
const lab = useLab({ nodes: 2, kubernetes: { network: "chart", proxyMode: "nftables" } });
const node = (name: string): LabNode => nodeOf(lab(), name);
const pods: { a: Pod; b: Pod } = {} as never;
const progress = stderrProgress();
const apiServer = { name: "kube-apiserver" } as const;

beforeAll(async () => {
  await applyObjects(lab(), workloadObjects({ name: "who", replicas: 4 }));
  await waitForWorkload(lab(), "who");
  const who = await workloadPods(lab(), "who");
  for (const [key, name] of [
    ["a", "n1"],
    ["b", "n2"],
  ] as const) {
    const found = who.find((pod) => pod.node === name);
    if (found === undefined) throw new Error(`no pod on ${name}`);
    pods[key] = await openClusterPod(lab(), found);
    await startPodServer(lab(), pods[key]);
  }
  // Until then datagrams go by the relay, which may drop some when the direct path takes over.
  const direct = async () => (await peerPaths(lab())).every(({ path }) => path === "direct");
  await waitUntil(direct, { what: "the nodes reach each other directly", timeoutMs: 60_000 });
  await allTalk(lab(), "who", 4);
});

describe("headcnictl beside the cluster", () => headcnictlTests(lab));

describe("a Prometheus in the cluster", () => monitoringTests(lab, () => pods.b));

const routes = async (name: string) => (await podKernelState(node(name))).routes;

/** A pod comes on a node, talks to both that were there, and goes: ADD and DEL by containerd. */
async function podComesAndGoes(name: string, pod: string): Promise<void> {
  const before = await routes(name);
  await addStaticPod(node(name), pod);
  const address = await waitUntil(async () => (await routes(name)).find((route) => !before.includes(route)), {
    what: `${name} attaches ${pod}`,
    timeoutMs: 90_000,
  });
  for (const from of [pods.a, pods.b]) {
    const answers = async () =>
      (await execInPod(from, ["ping", "-q", "-c", "1", "-W", "1", address])).exitCode === 0;
    await waitUntil(answers, { what: `${pod} answers ${from.name}`, timeoutMs: 30_000 });
  }
  await removeStaticPod(node(name), pod);
  await waitUntil(async () => !(await routes(name)).includes(address), {
    what: `${name} detaches ${pod}`,
    timeoutMs: 90_000,
  });
}

/** Of the pods of the workload: who they are, and how often their containers were started anew. */
async function lives() {
  type Status = { readonly containerStatuses: readonly { readonly restartCount: number }[] };
  type Item = { readonly metadata: { readonly uid: string }; readonly status: Status };
  const { items } = await getJson<{ readonly items: readonly Item[] }>(lab(), ["pods", "-l", "app=who"]);
  return items.map(({ metadata: { uid }, status }) => [uid, status.containerStatuses[0]?.restartCount]);
}

/** Of a prefix in which the underlay has a host; a Service might get it as well. */
const outside = { prefix: "203.0.113.0/24", address: "203.0.113.1" } as const;
const reachesOutside = async (pod: Pod) =>
  (await execInPod(pod, ["ping", "-q", "-c", "1", "-W", "1", outside.address])).exitCode === 0;

async function untilReached(pod: Pod, wanted: boolean): Promise<void> {
  await waitUntil(async () => (await reachesOutside(pod)) === wanted, {
    what: `${pod.name} ${wanted ? "reaches" : "does not reach"} ${outside.address}`,
    timeoutMs: 30_000,
  });
}

test("what a ServiceCIDR object holds leaves no node unencrypted", async () => {
  await run(inNetns(lab().netns, ["ip", "address", "add", `${outside.address}/32`, "dev", "lo"]));
  for (const pod of [pods.a, pods.b]) await untilReached(pod, true);
  await applyObjects(lab(), [
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "ServiceCIDR",
      metadata: { name: "outside" },
      spec: { cidrs: [outside.prefix] },
    },
  ]);
  for (const pod of [pods.a, pods.b]) await untilReached(pod, false);
});

test(
  "the API server away, the daemon restarted meanwhile: pods lose nothing, come and go",
  async () => {
    const before = await lives();
    const probes = [
      await startProbe(pods.a, pods.b.address, 20),
      await startProbe(pods.b, pods.a.address, 20),
    ] as const;
    await killService(lab(), apiServer);
    const awayFrom = performance.now();
    const lost = () => metric(node("n1"), "headcni_machines", { machine: "watch", state: "backingOff" });
    await waitUntil(async () => (await lost()) > 0, {
      what: "the outage shows as a state",
      timeoutMs: 60_000,
    });
    await podComesAndGoes("n1", "during");
    await killService(lab(), { name: "daemon", node: "n2" });
    await startService(lab(), { name: "daemon", node: "n2" });
    await waitUntil(async () => (await readyPage(node("n2")))?.serving === true, {
      what: "the daemon of n2 serves without the API server",
      timeoutMs: 60_000,
    });
    expect(await reachesOutside(pods.b)).toBe(false);
    await podComesAndGoes("n2", "after-restart");
    await delay(Math.max(0, outageMs - (performance.now() - awayFrom)));
    await startService(lab(), apiServer);
    progress(`the API server was away for ${((performance.now() - awayFrom) / 1000).toFixed(1)} s`);
    await kubectl(lab(), ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=110s"]);
    await waitUntil(async () => (await lost()) === 0, {
      what: "the daemon hears the API server again",
      timeoutMs: 90_000,
    });
    for (const { name } of lab().nodes) await waitForDaemon(lab(), node(name));
    expect(await lives()).toEqual(before);
    await applyObjects(lab(), workloadObjects({ name: "later", replicas: 2 }));
    await waitForWorkload(lab(), "later", 100);
    const reports = [await probes[0].stop(), await probes[1].stop()];
    // The whole reports, so that a failure tells when it was silent.
    expect(reports).toEqual(reports.map((report) => ({ ...report, received: report.sent })));
  },
  outageMs + 300_000,
);

test("afterwards the Nodes say that their network works, with the pod CIDR that they had", async () => {
  type Item = {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly podCIDR: string };
    readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
  };
  const seen = async () => {
    const { items } = await getJson<{ readonly items: readonly Item[] }>(lab(), ["nodes"]);
    return items.map(({ metadata, spec, status }) => [
      metadata.name,
      spec.podCIDR,
      status.conditions.find(({ type }) => type === "NetworkUnavailable")?.status,
    ]);
  };
  const wanted = lab().nodes.map(({ name, podCIDR }) => [name, podCIDR, "False"]);
  await waitUntil(async () => JSON.stringify(await seen()) === JSON.stringify(wanted), {
    what: "every Node's network is available",
    timeoutMs: 60_000,
    explain: async () => JSON.stringify(await seen()),
  });
});

test("a ServiceCIDR object that is being deleted counts, and once it is gone its addresses are anybody's", async () => {
  await kubectl(lab(), ["delete", "servicecidr", "outside", "--wait=false"]);
  const { metadata } = await getJson<{ readonly metadata: { readonly deletionTimestamp?: string } }>(lab(), [
    "servicecidr",
    "outside",
  ]);
  expect(metadata.deletionTimestamp).toBeDefined();
  for (const pod of [pods.a, pods.b]) expect(await reachesOutside(pod)).toBe(false);
  // As the controller manager does after ten seconds or more, when no address of it is in use.
  const free = JSON.stringify({ metadata: { finalizers: null } });
  await kubectl(lab(), ["patch", "servicecidr", "outside", "--type=merge", "-p", free]);
  for (const pod of [pods.a, pods.b]) await untilReached(pod, true);
});

describe("new nodes", () => newNodeTests(lab, () => [pods.a, pods.b]));
