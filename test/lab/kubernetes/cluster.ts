import { join } from "node:path";
import { LabError } from "../lab-error.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import type { ClusterOptions, ClusterTools } from "./cluster-types.ts";

/** Addresses and paths of a lab's cluster: all of it follows from the lab. */
export type Cluster = {
  readonly options: ClusterOptions;
  readonly tools: ClusterTools;
  readonly folder: string;
  readonly certificates: string;
  /** Of an administrator; the API server is reached from namespace `netns`. */
  readonly kubeconfig: string;
  readonly netns: string;
  /** The node that the control plane's programs run on: in mode host the first one. Else they are on no node, beside Headscale. */
  readonly controlPlane: LabNode | undefined;
  readonly apiAddress: string;
  readonly apiUrl: string;
  /** One per family of the lab, in its order, as all lists of Kubernetes are. */
  readonly serviceCIDRs: readonly string[];
  readonly dnsAddress: string;
  readonly dnsDomain: string;
};

/** Not the usual 10.96.0.0/12: that holds the underlay as well, and kube-proxy drops what goes to an address of it. */
const services = { 4: "10.96.0.0/16", 6: "fd00:10:96::/112" } as const;

/** What Headscale gives to who joins first (`allocation: sequential`): the control plane's node, see `start-lab.ts`. */
export const firstTailnetAddress = "100.64.0.1";

/** The cluster of a lab. Throws LabError BAD_OPTION for a lab that was started without one. */
export function clusterOf(lab: Lab): Cluster {
  const { kubernetes: options } = lab.options;
  const { cluster: tools } = lab.tools;
  if (options === undefined || tools === undefined) {
    throw new LabError("BAD_OPTION", `lab "${lab.id}" has no cluster: start one with --kubernetes`);
  }
  const folder = join(lab.folder, "kubernetes");
  const controlPlane = lab.options.mode === "host" ? lab.nodes[0] : undefined;
  const apiAddress = controlPlane === undefined ? "10.99.0.1" : firstTailnetAddress;
  return {
    options,
    tools,
    folder,
    certificates: join(folder, "certificates"),
    kubeconfig: join(folder, "admin.kubeconfig"),
    netns: controlPlane?.netns ?? lab.netns,
    controlPlane,
    apiAddress,
    apiUrl: `https://${apiAddress}:6443`,
    serviceCIDRs: lab.options.families.map((family) => services[family]),
    dnsAddress: "10.96.0.10",
    dnsDomain: "cluster.local",
  };
}

/** The socket of a node's containerd, reachable from outside the node as well. */
export function containerdSocket(node: LabNode): string {
  return join(node.folder, "containerd.sock");
}

/** Where a program of the cluster on a node logs: `kubelet`, `containerd`, `kube-proxy`, `init`. */
export function nodeLogFile(node: LabNode, program: string): string {
  return join(node.folder, `${program}.log`);
}
