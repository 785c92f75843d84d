import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabNode } from "../../lab-types.ts";
import { imageNames } from "../images/lab-images.ts";

/** Where a node's kubelet looks for pods of its own, which it runs without the API server. */
export function staticPodFolder(node: LabNode): string {
  return join(node.folder, "static-pods");
}

/** Has a node's kubelet run a pod with or without an API server: containerd calls ADD within seconds. */
export async function addStaticPod(node: LabNode, name: string): Promise<void> {
  const container = { name: "main", image: imageNames.busybox, imagePullPolicy: "Never" };
  const manifest = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: { terminationGracePeriodSeconds: 1, containers: [container] },
  };
  // Under another name first: kubelet watches the folder and leaves out names that begin with a dot.
  const unfinished = join(staticPodFolder(node), `.${name}`);
  await writeFile(unfinished, JSON.stringify(manifest));
  await rename(unfinished, manifestFile(node, name));
}

/** Has a node's kubelet end a pod of its own: containerd calls DEL within seconds. */
export async function removeStaticPod(node: LabNode, name: string): Promise<void> {
  await rm(manifestFile(node, name), { force: true });
}

function manifestFile(node: LabNode, name: string): string {
  return join(staticPodFolder(node), `${name}.json`);
}
