import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { chartFolder, helm, release, writeValues } from "../lab/kubernetes/helm.ts";
import { installChart, waitForRollout } from "../lab/kubernetes/install.ts";
import { applyObjects, getJson, kubectl } from "../lab/kubernetes/kubectl.ts";
import { inNode } from "../lab/kubernetes/node-machine.ts";
import {
  type ClusterPod,
  execInClusterPod,
  waitForWorkload,
  workloadObjects,
  workloadPods,
} from "../lab/kubernetes/workload.ts";
import { stderrProgress } from "../lab/progress.ts";
import { run } from "../lab/run-command.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { watchCluster } from "./support/cluster-watch.ts";
import { type NodeSnapshot, nodeSnapshot, untilNodeSettled } from "./support/node-snapshot.ts";
import { useLab } from "./support/use-lab.ts";

const lab = useLab({ nodes: 2, kubernetes: { network: "none", proxyMode: "nftables" } });
const before = new Map<string, NodeSnapshot>();

type Pods = {
  readonly items: readonly {
    readonly metadata: { readonly uid: string; readonly name: string };
    readonly status: { readonly containerStatuses: readonly { readonly restartCount: number }[] };
  }[];
};

const component = async (name: string) => {
  const labels = `app.kubernetes.io/name=headcni,app.kubernetes.io/component=${name}`;
  return (await getJson<Pods>(lab(), ["-n", release.namespace, "pods", "-l", labels])).items;
};
const uids = async (name: string) => (await component(name)).map(({ metadata }) => metadata.uid).sort();

async function acrossNodes(): Promise<readonly [ClusterPod, ClusterPod]> {
  const pods = await workloadPods(lab(), "who");
  const [from, to] = ["n1", "n2"].map((name) => pods.find(({ node }) => node === name));
  if (from === undefined || to === undefined) throw new Error("no pod on each node");
  return [from, to];
}

/** Sends a packet each 50 ms until the returned function is called, which tells how many came back and which did not. */
async function pingMeanwhile(from: ClusterPod, to: ClusterPod) {
  const script = `echo $$ >/tmp/ping.pid; exec ping -i 0.05 ${to.address}`;
  const result = execInClusterPod(lab(), from, ["sh", "-c", script], 600_000);
  return async () => {
    const after = await execInClusterPod(lab(), from, ["ping", "-c", "2", "-W", "5", to.address]);
    expect(after.stdout).toContain("2 packets received");
    await execInClusterPod(lab(), from, ["sh", "-c", "kill -INT $(cat /tmp/ping.pid)"]);
    const { stdout } = await result;
    const numbers = [...stdout.matchAll(/ seq=(\d+) /g)].map(([, number]) => Number(number));
    const received = new Set(numbers);
    // Those after the last answer were still on their way.
    const sent = Math.max(0, ...numbers);
    return {
      received: received.size,
      lost: Array.from({ length: sent }, (_, number) => number).filter((number) => !received.has(number)),
    };
  };
}

test("one helm install: nodes become Ready and pods of two nodes reach each other", async () => {
  const progress = stderrProgress();
  for (const node of lab().nodes) {
    await untilNodeSettled(lab(), node);
    before.set(node.name, await nodeSnapshot(lab(), node));
  }
  const start = performance.now();
  await installChart(lab(), progress);
  await kubectl(lab(), ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=110s"]);
  progress(`all nodes Ready ${((performance.now() - start) / 1000).toFixed(1)} s after helm install`);
  await applyObjects(lab(), workloadObjects({ name: "who", replicas: 4 }));
  await waitForWorkload(lab(), "who", 120);
  const [from, to] = await acrossNodes();
  const { stdout } = await execInClusterPod(lab(), from, ["ping", "-c", "3", "-W", "5", to.address]);
  expect(stdout).toContain("3 packets received");
  progress(
    `first packets across nodes ${((performance.now() - start) / 1000).toFixed(1)} s after helm install`,
  );
});

test("the plugin and the conflist are in place, and a plugin of somebody else is as it was", async () => {
  for (const node of lab().nodes) {
    const { files = [] } = await nodeSnapshot(lab(), node);
    expect(files.filter((line) => line.startsWith("/opt/cni/bin/headcni"))).toEqual([
      "/opt/cni/bin/headcni f 755 ",
    ]);
    expect(files).toContain("/etc/cni/net.d/10-headcni.conflist f 644 ");
    const others = (before.get(node.name)?.["files"] ?? []).filter((line) =>
      line.startsWith("/opt/cni/bin/"),
    );
    expect(files).toEqual(expect.arrayContaining(others));
  }
});

test.each([
  [
    "kubectl rollout restart",
    () => kubectl(lab(), ["-n", release.namespace, "rollout", "restart", "daemonset/headcni"]),
  ],
  [
    "helm upgrade with another configuration",
    async () => {
      const values = await writeValues(lab());
      const change = ["--set=config.logging.level=debug"];
      return await helm(lab(), ["upgrade", release.name, chartFolder, `--values=${values}`, ...change]);
    },
  ],
])("%s: no packet is lost, nodes stay Ready, Services keep their endpoints", async (_, update) => {
  const nodes = await watchCluster(
    lab(),
    ["nodes"],
    ["status", "reason", "message"]
      .map((field) => `{.status.conditions[?(@.type=="Ready")].${field}}`)
      .join(" "),
  );
  onTestFinished(nodes.end);
  const endpoints = await watchCluster(
    lab(),
    ["endpointslices", "-l", "kubernetes.io/service-name=who"],
    "{.endpoints[*].conditions.ready}",
  );
  onTestFinished(endpoints.end);
  const daemons = await uids("daemon");
  const wires = await uids("wire");
  const [from, to] = await acrossNodes();
  const pinged = await pingMeanwhile(from, to);

  await update();
  await waitForRollout(lab());

  const { received, lost } = await pinged();
  expect(received).toBeGreaterThan(0);
  expect(lost).toEqual([]);
  expect((await uids("daemon")).filter((uid) => daemons.includes(uid))).toEqual([]);
  expect(await uids("wire")).toEqual(wires);
  expect(nodes.lines().filter((line) => !/^True /.test(line))).toEqual([]);
  expect(endpoints.lines().filter((line) => line !== "true true true true")).toEqual([]);
});

test("a configuration of another CNI that the runtime would take first is named, and left alone", async () => {
  const [node] = lab().nodes;
  if (node === undefined) throw new Error("no node");
  const other = join(node.cniConfDir, "05-other.conflist");
  const text = '{"cniVersion":"1.0.0","name":"other","plugins":[{"type":"bridge"}]}';
  await run(["sh", "-c", `printf %s '${text}' >${other}`]);
  onTestFinished(async () => void (await run(["rm", "-f", other])));
  await kubectl(lab(), ["-n", release.namespace, "rollout", "restart", "daemonset/headcni"]);
  await waitForRollout(lab());
  const pod = (await component("daemon")).map(({ metadata }) => metadata.name);
  const logs = await Promise.all(
    pod.map((name) => kubectl(lab(), ["-n", release.namespace, "logs", name, "-c", "headcni"])),
  );
  const warned = logs
    .join("")
    .split("\n")
    .filter((line) => line.includes("05-other.conflist"));
  expect(warned).toEqual([expect.stringContaining("takes another configuration before ours")]);
  expect(await run(["cat", other])).toBe(text);
});

test("helm uninstall leaves the nodes as they were", async () => {
  await kubectl(lab(), ["delete", "deployment/who", "service/who"]);
  await kubectl(lab(), ["-n", "kube-system", "scale", "deployment/coredns", "--replicas=0"]);
  const pods = async () =>
    (await getJson<Pods>(lab(), ["pods", "-A"])).items.map(({ metadata }) => metadata.name);
  const others = async () => (await pods()).filter((name) => !name.startsWith("headcni"));
  await waitUntil(async () => (await others()).length === 0, {
    what: "pods with addresses are gone",
    timeoutMs: 120_000,
    everyMs: 500,
  });
  const start = performance.now();
  await helm(lab(), ["uninstall", release.name, "--wait", "--timeout=5m"]);
  stderrProgress()(`helm uninstall took ${((performance.now() - start) / 1000).toFixed(1)} s`);
  await waitUntil(async () => (await pods()).length === 0, {
    what: "all pods are gone",
    timeoutMs: 120_000,
    everyMs: 500,
  });
  for (const node of lab().nodes) {
    const after = await nodeSnapshot(lab(), node);
    expect(after, node.name).toEqual(before.get(node.name));
    const condition = '-o=jsonpath={.status.conditions[?(@.type=="NetworkUnavailable")]}';
    expect(await kubectl(lab(), ["get", "node", node.name, condition])).toBe("");
    const annotations = ["get", "node", node.name, "-o=jsonpath={.metadata.annotations}"];
    expect(await kubectl(lab(), annotations)).not.toContain("headcni");
    expect(
      await run(await inNode(lab(), node, ["ls", "-A", "/run/headcni", "/var/lib/headcni"])),
    ).not.toMatch(/\w+\.\w+/);
  }
});
