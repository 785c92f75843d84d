import type { Lab } from "../lab-types.ts";
import type { Progress } from "../progress.ts";
import { showInstall } from "./install-scene.ts";
import { showRemoval } from "./removal-scene.ts";
import { showRollout } from "./rollout-scene.ts";
import type { ClusterDemo } from "./run-demo.ts";
import type { Screen } from "./screen.ts";
import { showService } from "./service-scene.ts";

/** `npm run demo -- --kubernetes`: HeadCNI in a real cluster. */
export const clusterDemo: ClusterDemo = {
  title: "HeadCNI in Kubernetes: three nodes, installed by Helm",
  labHeading:
    "The lab: Headscale, etcd, a control plane, and three nodes with containerd, kubelet, kube-proxy",
  lab: {
    nodes: 3,
    // Nodes with an API key clear the place of a node that left.
    approval: "api",
    kubernetes: { network: "chart", installLater: true, proxyMode: "nftables" },
  },
  show,
};

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
