import type { Lab, LabNode } from "../lab-types.ts";
import { ipBatch } from "../network/netns.ts";
import type { Progress } from "../progress.ts";
import { clusterOf } from "./cluster.ts";
import { startApiServer, startControlPlane } from "./control-plane/control-plane.ts";
import { applyObjects, kubectl } from "./control-plane/kubectl.ts";
import { corednsObjects } from "./coredns.ts";
import { daemonRoleObjects } from "./install/daemon-role.ts";
import { modeLabels } from "./install/helm.ts";
import { installChart } from "./install/install.ts";
import { startContainerd } from "./node/containerd.ts";
import { startKubeProxy } from "./node/kube-proxy.ts";
import { nodeObject, startKubelet } from "./node/kubelet.ts";

/**
 * Starts Kubernetes on a lab that has its certificates, whose nodes have booted and whose pod network is up or coming up; `tailnet`
 * resolves once Headscale answers and the owners of the nodes' tailscaleds have logged in. Returns when every node is Ready and the cluster's DNS answers; with the network `none` and with `apiOnly`, as soon as everything runs.
 */
export async function startCluster(lab: Lab, tailnet: Promise<unknown>, progress: Progress): Promise<void> {
  const cluster = clusterOf(lab);
  if (cluster.options.apiOnly === true) {
    await startApi(lab, progress);
    return;
  }
  const containerds = Promise.all(lab.nodes.map((node) => startContainerd(lab, node)));
  // The address of an API server on a node is that node's in the tailnet.
  const api =
    cluster.controlPlane === undefined
      ? startApi(lab, progress)
      : tailnet.then(() => startApi(lab, progress));
  await Promise.all([api, containerds]);
  await Promise.all(lab.nodes.map((node) => startNodeServices(lab, node)));
  if (cluster.options.network === "none") return;
  if (cluster.options.network === "chart") {
    await tailnet;
    if (cluster.options.installLater === true) return;
    await installChart(lab, progress);
  }
  await kubectl(lab, ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=110s"]);
  progress(`All nodes are Ready: KUBECONFIG=${cluster.kubeconfig} in namespace ${cluster.netns}`);
  await kubectl(lab, ["-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=110s"]);
  progress("The cluster's DNS is ready");
}

/** Starts what makes a booted node with a running containerd a node of the cluster. */
export async function startNodeServices(lab: Lab, node: LabNode): Promise<void> {
  await Promise.all([startKubelet(lab, node), startKubeProxy(lab, node)]);
}

/**
 * Gives an API server that is on no node a way to the pods, to which it talks (webhooks, the proxy of the API). To nodes behind routers
 * there is one only where kubelets are reached over the tailnet: by way of another node, for the API server is none.
 */
export async function routeToPods(lab: Lab, nodes: readonly LabNode[]): Promise<void> {
  if (clusterOf(lab).controlPlane !== undefined) return;
  const isOpen = ({ natNetns }: LabNode) => natNetns === undefined;
  const other = clusterOf(lab).options.nodeAddress === "tailnet" ? lab.nodes.find(isOpen) : undefined;
  const routes = nodes.flatMap((node) => {
    const by = isOpen(node) ? node : other;
    if (by === undefined) return [];
    return node.podCIDRs.map(
      (prefix) =>
        `route replace ${prefix} via ${(prefix.includes(":") ? by.address6 : undefined) ?? by.address}`,
    );
  });
  await ipBatch(lab.netns, routes);
}

async function startApi(lab: Lab, progress: Progress): Promise<void> {
  const cluster = clusterOf(lab);
  await routeToPods(lab, lab.nodes);
  if (cluster.options.apiOnly === true) await startApiServer(lab);
  else await startControlPlane(lab);
  progress(`The API server is ready at ${cluster.apiUrl}`);
  const dns = cluster.options.apiOnly === true ? [] : corednsObjects(cluster, Math.min(2, lab.nodes.length));
  const nodes = lab.nodes.map((node) => nodeObject(node, cluster.options, modeLabels(lab, node)));
  await applyObjects(lab, [...nodes, ...daemonRoleObjects(), ...dns]);
}
