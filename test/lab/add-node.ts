import { readFile } from "node:fs/promises";
import { prepareNode, waitForDaemon } from "./headcni/daemon.ts";
import { clusterOf, nodeLogFile } from "./kubernetes/cluster.ts";
import { makeKubeletCertificate } from "./kubernetes/control-plane/certificates.ts";
import { controlPlaneLog } from "./kubernetes/control-plane/control-plane.ts";
import { getJson, kubectl } from "./kubernetes/control-plane/kubectl.ts";
import { powerOn } from "./kubernetes/node/node-power.ts";
import { routeToPods } from "./kubernetes/start-cluster.ts";
import { LabError } from "./lab-error.ts";
import { nodeOf, saveLab } from "./lab-store.ts";
import type { Lab, LabNode } from "./lab-types.ts";
import { podAddresses, withNode } from "./layout.ts";
import { cableNode } from "./network/underlay.ts";
import { requireAlive } from "./processes/processes.ts";
import { type Progress, silent } from "./progress.ts";
import { bringUpNode } from "./start-lab.ts";
import { waitUntil } from "./wait-until.ts";

/** What `addNode` may be told of the node. */
export type NodeRequest = { readonly name: string; readonly behindNat?: boolean };

/**
 * Adds a node that never was to a running lab and returns the lab with it. In a cluster that is a machine with nothing on
 * its disk but kubelet and containerd: it registers itself, the controller manager gives it its pod CIDR, and what makes its
 * network comes from the cluster; this returns as soon as it is registered, see `waitForNode`. Without a cluster it returns
 * when the node is ready. Throws LabError BAD_OPTION for a name that is no node's or is taken.
 */
export async function addNode(lab: Lab, request: NodeRequest, progress: Progress = silent): Promise<Lab> {
  if (lab.options.kubernetes?.network === "reference")
    throw new LabError(
      "BAD_OPTION",
      "the nodes of the reference network know only those that were there at first",
    );
  const grown = withNode(lab, request.name, request.behindNat === true);
  const node = nodeOf(grown, request.name);
  // Before there is anything of it: then every command knows of a node that did not come up.
  await saveLab(grown);
  await prepareNode(grown, node);
  if (grown.options.kubernetes === undefined) {
    await cableNode(grown, node);
    await bringUpNode(grown, node, progress);
    return grown;
  }
  await makeKubeletCertificate(grown, node);
  await powerOn(grown, node);
  const registered = await asRegistered(grown, node);
  const nodes = grown.nodes.map((each) => (each === node ? registered : each));
  await routeToPods(grown, [registered]);
  await saveLab({ ...grown, nodes });
  progress(`Node ${node.name} is registered: pods of ${registered.podCIDRs.join(" and ")}`);
  return { ...grown, nodes };
}

/** Waits until a node that was added is as ready as it becomes by itself: at once without a network in the cluster. */
export async function waitForNode(lab: Lab, node: LabNode): Promise<void> {
  const { kubernetes } = lab.options;
  if (kubernetes?.network === "none") return;
  await waitForDaemon(lab, node, 180_000);
  if (kubernetes === undefined) return;
  const ready = ["wait", "--for=condition=Ready", `node/${node.name}`, "--timeout=180s"];
  await kubectl(lab, ready, { timeoutMs: 190_000 });
}

/** The node with the pod CIDRs that its Node object got. */
async function asRegistered(lab: Lab, node: LabNode): Promise<LabNode> {
  type Node = { readonly spec: { readonly podCIDRs?: readonly string[] } };
  const given = async () =>
    (await getJson<Node>(lab, ["node", node.name]).catch(() => undefined))?.spec.podCIDRs;
  const podCIDRs = await waitUntil(given, {
    what: `${node.name} registers and gets a pod CIDR`,
    timeoutMs: 120_000,
    everyMs: 100,
    explain: () => whyNotRegistered(lab, node),
  });
  return { ...node, ...podAddresses(podCIDRs) };
}

/** Short and the gist first: the summary of a test run shows some hundred characters of an error. */
async function whyNotRegistered(lab: Lab, node: LabNode): Promise<string> {
  const spec = await getJson<{ readonly spec: unknown }>(lab, ["node", node.name]).then(
    (found) => JSON.stringify(found.spec),
    String,
  );
  const kubelet = await requireAlive(lab.processFolder, `${node.name}-kubelet`).then(
    () => "kubelet runs",
    () => "kubelet does not run",
  );
  const errors = await errorsIn(nodeLogFile(node, "kubelet"));
  const manager = await errorsIn(controlPlaneLog(clusterOf(lab), "kube-controller-manager"));
  return [`Node: ${spec}`, kubelet, errors, `kube-controller-manager: ${manager}`].join("\n");
}

/** The last errors of a log of Kubernetes (klog marks them with E and F), cut short. */
async function errorsIn(logFile: string): Promise<string> {
  const lines = (await readFile(logFile, "utf8")).split("\n").filter((line) => /^[EF]\d{4} /.test(line));
  return lines.slice(-2).join("\n").slice(0, 400) || "no error";
}
