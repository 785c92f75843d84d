import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab, LabNode } from "../../lab-types.ts";
import { tailOf } from "../../processes/log-tail.ts";
import { requireAlive, startProcess } from "../../processes/processes.ts";
import { run } from "../../run-command.ts";
import { waitUntil } from "../../wait-until.ts";
import { clusterOf, containerdSocket, nodeLogFile } from "../cluster.ts";
import { copyImageStore } from "../images/image-store.ts";
import { imageNames } from "../images/lab-images.ts";
import { answersCri } from "./answers-cri.ts";
import { onNode } from "./node-machine.ts";

/** Name of the record of a node's containerd. */
function containerdName(node: LabNode): string {
  return `${node.name}-containerd`;
}

/** Starts a node's containerd with the lab's images and waits until kubelet may start. */
export async function startContainerd(lab: Lab, node: LabNode): Promise<void> {
  const { tools } = clusterOf(lab);
  const configFile = join(node.folder, "containerd.toml");
  await writeFile(configFile, configOf(node));
  const root = join(node.folder, "disk", "containerd");
  if ((await readdir(root)).length === 0) await copyImageStore(tools.imageStore, root);
  const { PATH = "" } = process.env;
  await startProcess(lab.processFolder, {
    name: containerdName(node),
    netns: node.netns,
    ...(await onNode(lab, node, [join(tools.containerd, "containerd"), "--config", configFile])),
    // It looks for its shim and for runc.
    env: { PATH: `${tools.containerd}:${PATH}:/usr/sbin:/sbin` },
    logFile: nodeLogFile(node, "containerd"),
  });
  const answers = async () => {
    await requireAlive(lab.processFolder, containerdName(node));
    return await answersCri(containerdSocket(node));
  };
  await waitUntil(answers, {
    what: `containerd of ${node.name} answers`,
    timeoutMs: 60_000,
    everyMs: 200,
    explain: () => tailOf(nodeLogFile(node, "containerd")),
  });
}

/** Gives a node's containerd the images of an archive (OCI layout), so that kubelet need not pull them. */
export async function importImages(lab: Lab, node: LabNode, archive: string): Promise<void> {
  await ctr(lab, node, ["images", "import", "--local", archive]);
}

/** Runs containerd's own command line against a node's containerd, where Kubernetes keeps its containers. Returns stdout. */
export async function ctr(lab: Lab, node: LabNode, args: readonly string[]): Promise<string> {
  const program = join(clusterOf(lab).tools.containerd, "ctr");
  return await run([program, "--address", containerdSocket(node), "--namespace", "k8s.io", ...args], {
    timeoutMs: 180_000,
  });
}

/** Paths are those inside the node (`node-init.sh`). */
function configOf(node: LabNode): string {
  return `version = 3
disabled_plugins = ["io.containerd.nri.v1.nri"]

[grpc]
address = "${containerdSocket(node)}"

[metrics]
address = "127.0.0.1:1338"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "${imageNames.pause}"

[plugins."io.containerd.cri.v1.runtime"]
# Without the right to lower it, runc would die of the attempt.
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/opt/cni/bin"]
conf_dir = "/etc/cni/net.d"
`;
}
