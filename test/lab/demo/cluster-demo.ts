import { clusterOf } from "../kubernetes/cluster.ts";
import type { Lab } from "../lab-types.ts";
import type { Progress } from "../progress.ts";
import { startLab } from "../start-lab.ts";
import { stopLab } from "../stop-lab.ts";
import { stopLabOnInterrupt } from "../stop-on-interrupt.ts";
import { showInstall } from "./install-scene.ts";
import { showRemoval } from "./removal-scene.ts";
import { showRollout } from "./rollout-scene.ts";
import type { Screen } from "./screen.ts";
import { showService } from "./service-scene.ts";

/** `npm run demo -- --kubernetes`: HeadCNI in a real cluster. Returns 0 only if all that it shows is as it should be. */
export async function showCluster(screen: Screen, progress: Progress, keep: boolean): Promise<number> {
  screen.print(screen.bold("HeadCNI in Kubernetes: three nodes, installed by Helm"));
  screen.heading(
    "The lab: Headscale, etcd, a control plane, and three nodes with containerd, kubelet, kube-proxy",
  );
  const interrupt = stopLabOnInterrupt(progress);
  const lab = await startLab({
    nodes: 3,
    // Nodes with an API key clear the place of a node that left.
    approval: "api",
    kubernetes: { network: "chart", installLater: true, proxyMode: "nftables" },
    progress,
    onClaimed: interrupt.watch,
  });
  const good = await show(screen, lab, progress).catch(async (error: unknown) => {
    if (!keep) await stopLab(lab.id, progress);
    throw error;
  });
  if (keep) {
    screen.heading("The lab stays up. Try");
    screen.print(
      `   npm run lab -- kubectl --id ${lab.id} -- get pods -A -o wide`,
      `   KUBECONFIG=${clusterOf(lab).kubeconfig} in namespace ${lab.netns}`,
      `   npm run lab -- down --id ${lab.id}`,
    );
  } else {
    screen.heading("Down");
    await stopLab(lab.id, progress);
  }
  interrupt.release();
  screen.print(
    "",
    good ? screen.good("All of it worked.") : screen.bad("Something above is not as it should be."),
  );
  return good ? 0 : 1;
}

async function show(screen: Screen, lab: Lab, progress: Progress): Promise<boolean> {
  screen.heading("helm install, from nothing to a ping between nodes");
  const installed = await showInstall(screen, lab, progress);
  screen.heading("A Service, asked from every node");
  const answered = await showService(screen, lab);
  screen.heading("kubectl rollout restart of HeadCNI while traffic runs");
  const unharmed = await showRollout(screen, lab);
  screen.heading("A node leaves the cluster");
  const removed = await showRemoval(screen, lab);
  return installed && answered && unharmed && removed;
}
