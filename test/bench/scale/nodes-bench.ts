import { setTimeout as delay } from "node:timers/promises";
import { daemonGet } from "../../lab/headcni/daemon-pages.ts";
import { kubectl } from "../../lab/kubernetes/control-plane/kubectl.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import type { Progress } from "../../lab/progress.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { cpuSecondsOf, memoryOf, requireDaemon, restartDaemon } from "../daemon/daemon-runs.ts";

/** What it costs a daemon to know so many Nodes. Decimal megabytes; CPU in percent of one core. */
export type NodesCost = {
  /** Nodes of the cluster besides the lab's own. */
  readonly extra: number;
  /** From asking for the list of Nodes to having it, trimmed. */
  readonly listMs: number;
  /** From the daemon's start to serving and proven. */
  readonly readyMs: number;
  readonly rssMb: number;
  readonly peakRssMb: number;
  /** CPU time of the daemon until `settleSeconds` after it was ready. */
  readonly startCpuSeconds: number;
  readonly idleCpuPercent: number;
};

const settleSeconds = 10;
/** Processes that create Nodes at the same time. */
const creators = 4;

/** Creates extra Nodes as kubelets would leave them, from number `from` up to `to`. */
export async function createNodes(lab: Lab, from: number, to: number): Promise<void> {
  const nodes = Array.from({ length: to - from }, (_, index) => extraNode(from + index));
  const share = Math.ceil(nodes.length / creators);
  const create = async (items: readonly unknown[]) => {
    if (items.length === 0) return;
    const list = { apiVersion: "v1", kind: "List", items };
    await kubectl(lab, ["create", "-o", "name", "-f", "-"], {
      input: JSON.stringify(list),
      timeoutMs: 900_000,
    });
  };
  await Promise.all(
    Array.from({ length: creators }, (_, index) => create(nodes.slice(index * share, (index + 1) * share))),
  );
}

/** Restarts a node's daemon and says what it costs with the Nodes that there are. */
export async function benchNodes(
  lab: Lab,
  node: LabNode,
  { extra, idleSeconds }: { readonly extra: number; readonly idleSeconds: number },
  progress: Progress,
): Promise<NodesCost> {
  const start = performance.now();
  await restartDaemon(lab, node);
  const readyMs = performance.now() - start;
  const { pid } = await requireDaemon(lab, node);
  const listMs = await waitUntil(() => listDuration(node), {
    what: `the daemon of ${node.name} has the list of Nodes`,
    timeoutMs: 120_000,
  });
  await delay(settleSeconds * 1000);
  const startCpuSeconds = await cpuSecondsOf(pid);
  progress(`${extra} more Nodes: listed in ${listMs.toFixed(0)} ms; ${idleSeconds} s of idling`);
  const before = performance.now();
  await delay(idleSeconds * 1000);
  const used = (await cpuSecondsOf(pid)) - startCpuSeconds;
  const { rssMb, peakMb } = await memoryOf(pid);
  const idleCpuPercent = (used / ((performance.now() - before) / 1000)) * 100;
  return { extra, listMs, readyMs, rssMb, peakRssMb: peakMb, startCpuSeconds, idleCpuPercent };
}

/** How long the watch of Nodes was in its state `listing`, by the daemon's own record; undefined until it was left. */
async function listDuration(node: LabNode): Promise<number | undefined> {
  type Row = {
    readonly machine: string;
    readonly subject: string;
    readonly lastTransitions: readonly { readonly at: number; readonly from: string; readonly to: string }[];
  };
  const { body } = await daemonGet(node, "/debug/machines");
  const { machines } = JSON.parse(body) as { readonly machines: readonly Row[] };
  const watch = machines.find(({ machine, subject }) => machine === "watch" && subject === "nodes");
  const begin = watch?.lastTransitions.findLast(({ to }) => to.endsWith("listing"));
  const end = watch?.lastTransitions.findLast(({ from }) => from.endsWith("listing"));
  return begin === undefined || end === undefined || end.at < begin.at ? undefined : end.at - begin.at;
}

/** A Node of the size that real ones have: most of it is the list of images, which kubelet cuts at 50. */
function extraNode(index: number): unknown {
  const name = `extra-${index}`;
  // 10.128.0.0/10 holds more /24 prefixes than anybody asks for, and none of the lab's.
  const podCIDR = `10.${128 + (index >> 8)}.${index & 255}.0/24`;
  const images = Array.from({ length: 50 }, (_, image) => ({
    names: [
      `registry.example/team/application-${image}@sha256:${String(image).padStart(64, "0")}`,
      `registry.example/team/application-${image}:v1.${image}.0`,
    ],
    sizeBytes: 50_000_000 + image,
  }));
  const condition = (type: string, status: string) => ({
    type,
    status,
    reason: `Kubelet${type}`,
    message: `kubelet says so about ${type}`,
  });
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" } },
    spec: { podCIDR, podCIDRs: [podCIDR] },
    status: {
      addresses: [
        { type: "InternalIP", address: `172.${16 + (index >> 12)}.${(index >> 4) & 255}.${index & 15}` },
        { type: "Hostname", address: name },
      ],
      conditions: [condition("Ready", "True"), condition("MemoryPressure", "False")],
      images,
    },
  };
}
