import { applyObjects, kubectl } from "../kubernetes/control-plane/kubectl.ts";
import { installChart } from "../kubernetes/install/install.ts";
import {
  type ClusterPod,
  execInClusterPod,
  waitForWorkload,
  workloadObjects,
  workloadPods,
} from "../kubernetes/workload/workload.ts";
import type { Lab } from "../lab-types.ts";
import type { Progress } from "../progress.ts";
import { waitUntil } from "../wait-until.ts";
import { teller } from "./run-demo.ts";
import { type Screen, tableLines } from "./screen.ts";
import { showStateShares } from "./state-shares.ts";

/** The Deployment and the Service of the demo. */
export const workload = { name: "who", replicas: 6 } as const;

/** Installs HeadCNI in a cluster whose nodes wait for it, and prints how long everything took. True if pods reach each other. */
export async function showInstall(screen: Screen, lab: Lab, progress: Progress): Promise<boolean> {
  await applyObjects(lab, workloadObjects(workload));
  screen.print(`   a Deployment of ${workload.replicas} pods waits for a network`);
  const tell = teller(screen);
  const ready = kubectl(lab, ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=300s"], {
    timeoutMs: 310_000,
  }).then(() => tell("all nodes are Ready"));
  const pinged = firstPing(lab).then(([from, to]) =>
    tell(`first ping between nodes: ${from.name} on ${from.node} to ${to.name} on ${to.node}`),
  );
  await Promise.all([installChart(lab, progress), ready, pinged]);
  await waitForWorkload(lab, workload.name, 110);
  tell("all pods are ready");
  screen.print("", "   where the time went, by each machine's own record (the slowest node's):");
  await showStateShares(screen, lab);
  const pods = await workloadPods(lab, workload.name);
  const answered = await Promise.all(pods.map((pod) => pingAll(lab, pod, pods)));
  const rows = pods.map((pod, index) => [
    pod.name,
    pod.node,
    pod.address,
    `${answered[index]} of ${pods.length - 1}`,
  ]);
  screen.print("", ...tableLines(screen, ["POD", "NODE", "ADDRESS", "PINGS ANSWERED"], rows));
  return pods.length === workload.replicas && answered.every((count) => count === pods.length - 1);
}

async function firstPing(lab: Lab): Promise<readonly [ClusterPod, ClusterPod]> {
  return await waitUntil(
    async () => {
      const pods = await workloadPods(lab, workload.name).catch(() => []);
      const [from] = pods;
      const to = pods.find(({ node }) => node !== from?.node);
      if (from === undefined || to === undefined) return undefined;
      return (await answers(lab, from, to)) ? ([from, to] as const) : undefined;
    },
    { what: "a ping between pods of two nodes", timeoutMs: 300_000, everyMs: 100 },
  );
}

async function answers(lab: Lab, from: ClusterPod, to: ClusterPod): Promise<boolean> {
  const { exitCode } = await execInClusterPod(lab, from, ["ping", "-c", "1", "-W", "1", to.address]);
  return exitCode === 0;
}

/** How many of the other pods answer a ping. */
async function pingAll(lab: Lab, from: ClusterPod, pods: readonly ClusterPod[]): Promise<number> {
  const others = pods.filter((pod) => pod !== from);
  const answered = await Promise.all(others.map((to) => answers(lab, from, to)));
  return answered.filter(Boolean).length;
}
