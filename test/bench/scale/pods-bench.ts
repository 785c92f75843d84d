import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { kubectl } from "../../lab/kubernetes/control-plane/kubectl.ts";
import { nodeTraces } from "../../lab/kubernetes/node/node-traces.ts";
import { type Crowd, endCrowd, startCrowd } from "../../lab/kubernetes/workload/pod-crowd.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import type { Progress } from "../../lab/progress.ts";
import { run } from "../../lab/run-command.ts";
import { BenchError } from "../bench-error.ts";

/** Which plugin attaches the pods: HeadCNI, or the CNI project's ptp with host-local. */
export type PodsCandidate = "headcni" | "reference";

/** One crowd of pods, from nothing to ready and back. Times in ms. */
export type PodsSample = {
  readonly candidate: PodsCandidate;
  readonly pods: number;
  /** Until all pods were ready, and until the API server had forgotten all; divided by the number of pods. */
  readonly startPerPodMs: number;
  readonly endPerPodMs: number;
  /** What containerd spent in the network plugins, per pod: loopback and portmap included. */
  readonly addMs: number;
  readonly delMs: number;
  /** What the nodes kept in the end that was not there before, in words; empty for nothing. */
  readonly leaks: readonly string[];
};

/** The reference plugin's pods have addresses of their own, so that both can live on one node. */
const referencePrefix = "10.250.";
const settleMs = 120_000;

/** Has `perNode` pods come and go on every node, by one of the plugins. */
export async function benchPods(
  lab: Lab,
  candidate: PodsCandidate,
  { name, perNode }: { readonly name: string; readonly perNode: number },
  progress: Progress,
): Promise<PodsSample> {
  await useCandidate(lab, candidate);
  const crowd: Crowd = { name, nodes: lab.nodes, perNode };
  const pods = perNode * lab.nodes.length;
  const before = await tracesOf(lab);
  const spentBefore = await spentInPlugins(lab);
  const startMs = await startCrowd(lab, crowd);
  const strangers = (await addressesOf(lab, name)).filter((address) => byWhom(address) !== candidate);
  if (strangers.length > 0)
    throw new BenchError("WRONG_RESULT", `pods of another plugin: ${strangers.join(" ")}`);
  const endMs = await endCrowd(lab, crowd);
  const leaks = await leaksSince(lab, before);
  const spent = await spentInPlugins(lab);
  const sample = {
    candidate,
    pods,
    startPerPodMs: startMs / pods,
    endPerPodMs: endMs / pods,
    addMs: ((spent.add - spentBefore.add) / pods) * 1000,
    delMs: ((spent.del - spentBefore.del) / pods) * 1000,
    leaks,
  };
  progress(
    `${candidate}: ${pods} pods ready in ${(startMs / 1000).toFixed(1)} s, gone in ${(endMs / 1000).toFixed(1)} s`,
  );
  return sample;
}

/** Containerd takes the first conflist by name; it watches the folder, so a pod or two may still be the other's. */
async function useCandidate(lab: Lab, candidate: PodsCandidate): Promise<void> {
  for (const node of lab.nodes) {
    const file = join(node.cniConfDir, "00-reference.conflist");
    if (candidate === "reference") await writeFile(file, JSON.stringify(referenceConflist(node)));
    else await rm(file, { force: true });
  }
  for (let attempt = 1; attempt <= 20; attempt += 1) {
    const crowd: Crowd = { name: `canary-${attempt}`, nodes: lab.nodes, perNode: 1 };
    await startCrowd(lab, crowd);
    const addresses = await addressesOf(lab, crowd.name);
    await endCrowd(lab, crowd);
    if (addresses.every((address) => byWhom(address) === candidate)) return;
    await delay(500);
  }
  throw new BenchError("NOT_SETTLED", `containerd does not use the conflist of ${candidate}`);
}

function referenceConflist({ index }: LabNode): unknown {
  const ipam = {
    type: "host-local",
    ranges: [[{ subnet: `${referencePrefix}${index}.0/24` }]],
    routes: [{ dst: "0.0.0.0/0" }],
    dataDir: "/run/cni-networks",
  };
  const plugins = [
    { type: "ptp", mtu: 1280, ipam },
    { type: "portmap", capabilities: { portMappings: true }, snat: true },
  ];
  return { cniVersion: "1.0.0", name: "reference", plugins };
}

function byWhom(address: string): PodsCandidate {
  return address.startsWith(referencePrefix) ? "reference" : "headcni";
}

async function addressesOf(lab: Lab, name: string): Promise<readonly string[]> {
  const each = "-o=jsonpath={.items[*].status.podIP}";
  return (await kubectl(lab, ["get", "pods", "-l", `crowd=${name}`, each])).split(/\s+/);
}

type Traces = Readonly<Record<string, readonly string[]>>;

async function tracesOf(lab: Lab): Promise<readonly Traces[]> {
  return await Promise.all(lab.nodes.map((node) => nodeTraces(lab, node)));
}

/** The API server forgets a pod before its node has let go of all. */
async function leaksSince(lab: Lab, before: readonly Traces[]): Promise<readonly string[]> {
  const deadline = performance.now() + settleMs;
  for (;;) {
    const now = await tracesOf(lab);
    const leaks = now.flatMap((traces, index) => moreThan(before[index] ?? {}, traces, lab.nodes[index]));
    if (leaks.length === 0 || performance.now() > deadline) return leaks;
    await delay(500);
  }
}

function moreThan(before: Traces, now: Traces, node: LabNode | undefined): readonly string[] {
  return Object.entries(now).flatMap(([kind, names]) =>
    names
      .filter((name) => before[kind]?.includes(name) !== true)
      .map((name) => `${node?.name}: ${kind} ${name}`),
  );
}

/** Seconds that all containerds have spent in network plugins so far. */
async function spentInPlugins(lab: Lab): Promise<{ readonly add: number; readonly del: number }> {
  const pages = await Promise.all(
    lab.nodes.map((node) =>
      run(inNetns(node.netns, ["busybox", "wget", "-q", "-O-", "http://127.0.0.1:1338/v1/metrics"])),
    ),
  );
  const metric = "containerd_cri_network_plugin_operations_duration_seconds_seconds_sum";
  const sum = (operation: string) =>
    pages.reduce((total, page) => {
      const [, value] =
        new RegExp(`^${metric}\\{operation_type="${operation}"\\} (\\S+)$`, "m").exec(page) ?? [];
      return total + Number(value ?? 0);
    }, 0);
  return { add: sum("set_up_pod"), del: sum("tear_down_pod") };
}
