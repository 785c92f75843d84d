import { setTimeout as delay } from "node:timers/promises";
import { getJson, kubectl } from "../kubernetes/control-plane/kubectl.ts";
import { release } from "../kubernetes/install/helm.ts";
import { openClusterPod } from "../kubernetes/workload/open-cluster-pod.ts";
import { workloadPods } from "../kubernetes/workload/workload.ts";
import { LabError } from "../lab-error.ts";
import type { Lab } from "../lab-types.ts";
import { startPodServer, startProbe, startRead } from "../traffic/traffic.ts";
import { workload } from "./install-scene.ts";
import { teller } from "./run-demo.ts";
import type { Screen } from "./screen.ts";

const probeIntervalMs = 5;
const bytesPerSecond = 5_000_000;
const daemonSet = "daemonset/headcni";

/** Restarts HeadCNI on all nodes while two pods talk, and prints what was lost. True if nothing was. */
export async function showRollout(screen: Screen, lab: Lab): Promise<boolean> {
  const pods = await workloadPods(lab, workload.name);
  const [first] = pods;
  const other = pods.find(({ node }) => node !== first?.node);
  if (first === undefined || other === undefined) throw new LabError("NOT_READY", "no pods on two nodes");
  const [from, to] = [await openClusterPod(lab, first), await openClusterPod(lab, other)];
  await Promise.all([startPodServer(lab, from), startPodServer(lab, to)]);
  const tell = teller(screen);
  const probe = await startProbe(from, to.address, probeIntervalMs);
  const read = await startRead(to, from, bytesPerSecond);
  tell(`${from.name} sends ${to.name} a datagram every ${probeIntervalMs} ms and answers its download`);
  await delay(1000);
  const watch = watchCluster(lab);
  await kubectl(lab, ["-n", release.namespace, "rollout", "restart", daemonSet]);
  tell(`kubectl rollout restart ${daemonSet}`);
  await kubectl(lab, ["-n", release.namespace, "rollout", "status", daemonSet, "--timeout=300s"], {
    timeoutMs: 310_000,
  });
  tell("every node runs a new daemon");
  await delay(1000);
  const seen = await watch.stop();
  const [datagrams, transfer] = await Promise.all([probe.stop(), read.stop()]);
  const lost = datagrams.sent - datagrams.received;
  const good = lost === 0 && transfer.error === undefined && seen.bad.length === 0;
  const paint = (fine: boolean) => (fine ? screen.good : screen.bad);
  screen.print(
    "",
    `   datagrams: ${datagrams.sent} sent, ${datagrams.received} answered, ${paint(lost === 0)(`${lost} lost`)}, longest silence ${datagrams.longestSilenceMs.toFixed(0)} ms`,
    `   transfer:  ${(transfer.bytes / 1e6).toFixed(0)} MB, ${paint(transfer.error === undefined)(transfer.error ?? "unbroken")}, longest silence ${transfer.longestSilenceMs.toFixed(0)} ms`,
    `   API:       ${seen.looks} looks, ${paint(seen.bad.length === 0)(seen.bad.length === 0 ? "all nodes Ready and all endpoints in place in each" : [...new Set(seen.bad)].join("; "))}`,
  );
  return good;
}

/** Looks again and again whether all nodes are Ready and all pods of the workload are endpoints of its Service. */
function watchCluster(lab: Lab) {
  const seen = { looks: 0, bad: [] as string[], over: false };
  const look = async () => {
    seen.looks += 1;
    type Node = {
      readonly metadata: { readonly name: string };
      readonly status: {
        readonly conditions: readonly { readonly type: string; readonly status: string }[];
      };
    };
    const nodes = await getJson<{ readonly items: readonly Node[] }>(lab, ["nodes"]);
    for (const { metadata, status } of nodes.items)
      if (status.conditions.find(({ type }) => type === "Ready")?.status !== "True")
        seen.bad.push(`${metadata.name} was not Ready`);
    type Slice = {
      readonly endpoints: readonly { readonly conditions: { readonly ready?: boolean } }[] | null;
    };
    const slices = await getJson<{ readonly items: readonly Slice[] }>(lab, [
      "endpointslices",
      "-l",
      `kubernetes.io/service-name=${workload.name}`,
    ]);
    const ready = slices.items.flatMap(({ endpoints }) => endpoints ?? []).filter((e) => e.conditions.ready);
    if (ready.length !== workload.replicas) seen.bad.push(`the Service had ${ready.length} endpoints`);
  };
  const loop = (async () => {
    while (!seen.over) {
      await look();
      await delay(200);
    }
  })();
  return {
    stop: async () => {
      seen.over = true;
      await loop;
      return seen;
    },
  };
}
