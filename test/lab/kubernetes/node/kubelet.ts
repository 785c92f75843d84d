import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { uninitializedTaint } from "../../../../src/domain/kubernetes/node-address.ts";
import type { Lab, LabNode } from "../../lab-types.ts";
import { startProcess } from "../../processes/processes.ts";
import { tailnetAddresses } from "../../tailnet/local-api.ts";
import { type Cluster, clusterOf, containerdSocket, nodeLogFile } from "../cluster.ts";
import type { ClusterOptions } from "../cluster-types.ts";
import { certificateOf } from "../control-plane/certificates.ts";
import { writeKubeconfig } from "../control-plane/kubeconfig.ts";
import { modeLabels } from "../install/helm.ts";
import { onNode } from "./node-machine.ts";
import { staticPodFolder } from "./static-pods.ts";

/** Starts a node's kubelet; its Node object (`nodeObject`) should be there before. */
export async function startKubelet(lab: Lab, node: LabNode): Promise<void> {
  const cluster = clusterOf(lab);
  const configFile = join(node.folder, "kubelet.json");
  await mkdir(staticPodFolder(node), { recursive: true });
  await writeFile(configFile, JSON.stringify(configOf(cluster, node), null, 2));
  const kubeconfig = await writeKubeconfig(
    cluster,
    `kubelet-${node.name}`,
    join(node.folder, "kubelet.kubeconfig"),
  );
  await startProcess(lab.processFolder, {
    name: `${node.name}-kubelet`,
    netns: node.netns,
    ...(await onNode(lab, node, [
      join(cluster.tools.kubernetes, "kubelet"),
      `--config=${configFile}`,
      `--kubeconfig=${kubeconfig}`,
      `--hostname-override=${node.name}`,
      `--node-ip=${(await nodeAddresses(cluster, node)).join()}`,
      ...(cluster.options.nodeAddress === "tailnet" ? ["--cloud-provider=external"] : []),
      ...nodeLabelFlags(lab, node),
    ])),
    env: {},
    logFile: nodeLogFile(node, "kubelet"),
  });
}

/** A Node that kubelet makes itself gets no labels otherwise. */
function nodeLabelFlags(lab: Lab, node: LabNode): readonly string[] {
  const labels = Object.entries(modeLabels(lab, node)).map(([key, value]) => `${key}=${value}`);
  return labels.length === 0 ? [] : [`--node-labels=${labels.join()}`];
}

/** Those of the underlay, or where the control plane is on a node of the tailnet, those of the tailnet; IPv4's first. */
async function nodeAddresses({ controlPlane }: Cluster, node: LabNode): Promise<readonly string[]> {
  const { address, address6 } = node;
  const tailnet = async () => {
    const found = await tailnetAddresses(node);
    return [found[4], address6 === undefined ? undefined : found[6]];
  };
  const addresses = controlPlane === undefined ? [address, address6] : await tailnet();
  return addresses.filter((one) => one !== undefined);
}

/**
 * The Node object that kubelet will find and make its own: with the pod CIDR that the lab's layout has for the node, and where kubelet
 * leaves its addresses to others, with the taint that it gives to Nodes that it makes itself.
 */
export function nodeObject(
  node: LabNode,
  { nodeAddress }: Pick<ClusterOptions, "nodeAddress"> = {},
  labels: Readonly<Record<string, string>> = {},
): unknown {
  const taints = [{ key: uninitializedTaint, value: "true", effect: "NoSchedule" }];
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: node.name, labels: { "kubernetes.io/hostname": node.name, ...labels } },
    spec: {
      podCIDR: node.podCIDR,
      podCIDRs: node.podCIDRs,
      ...(nodeAddress === "tailnet" ? { taints } : {}),
    },
  };
}

function configOf(cluster: Cluster, node: LabNode): unknown {
  const serving = certificateOf(cluster, `kubelet-${node.name}`);
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: certificateOf(cluster, "authority").certificate },
    },
    authorization: { mode: "Webhook" },
    ...(cluster.options.nodeAddress === "tailnet"
      ? { serverTLSBootstrap: true }
      : { tlsCertFile: serving.certificate, tlsPrivateKeyFile: serving.key }),
    containerRuntimeEndpoint: `unix://${containerdSocket(node)}`,
    clusterDNS: [cluster.dnsAddress],
    clusterDomain: cluster.dnsDomain,
    maxPods: 200,
    // By default kubelet waits 10 s before it starts again what ended a second time, and twice as long each time.
    crashLoopBackOff: { maxContainerRestartPeriod: "1s" },
    registerWithTaints: [],
    staticPodPath: staticPodFolder(node),
    // Changes in the folder are seen at once, this is for those that are missed.
    fileCheckFrequency: "5s",
    // The nodes share the machine's cgroups and disk: no reservations, no evictions.
    cgroupDriver: "cgroupfs",
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    localStorageCapacityIsolation: false,
    evictionHard: { "memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%" },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    failSwapOn: false,
    failCgroupV1: false,
    volumePluginDir: "/var/lib/kubelet/volume-plugins",
  };
}
