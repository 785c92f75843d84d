import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab, LabNode } from "../../lab-types.ts";
import { startProcess } from "../../processes/processes.ts";
import { clusterOf, nodeLogFile } from "../cluster.ts";
import { writeKubeconfig } from "../control-plane/kubeconfig.ts";
import { onNode } from "./node-machine.ts";

/** Starts a node's kube-proxy as a process beside kubelet. */
export async function startKubeProxy(lab: Lab, node: LabNode): Promise<void> {
  const cluster = clusterOf(lab);
  const kubeconfig = await writeKubeconfig(cluster, "proxy", join(node.folder, "kube-proxy.kubeconfig"));
  const configFile = join(node.folder, "kube-proxy.json");
  const config = {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    clientConnection: { kubeconfig },
    hostnameOverride: node.name,
    mode: cluster.options.proxyMode,
    clusterCIDR: lab.supernets.join(),
    // These limits belong to the whole machine and cannot be set from a node's namespace.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
  };
  await writeFile(configFile, JSON.stringify(config, null, 2));
  await startProcess(lab.processFolder, {
    name: `${node.name}-kube-proxy`,
    netns: node.netns,
    ...(await onNode(lab, node, [join(cluster.tools.kubernetes, "kube-proxy"), `--config=${configFile}`])),
    env: {},
    logFile: nodeLogFile(node, "kube-proxy"),
  });
}
