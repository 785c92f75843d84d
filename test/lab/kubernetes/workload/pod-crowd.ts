import type { Lab, LabNode } from "../../lab-types.ts";
import { kubectl } from "../control-plane/kubectl.ts";
import { imageNames } from "../images/lab-images.ts";

/** Many small pods at once: `perNode` on each of `nodes`, put there without the scheduler. */
export type Crowd = {
  readonly name: string;
  readonly nodes: readonly LabNode[];
  readonly perNode: number;
};

/** How long a crowd may take; kubelet and containerd need most of it. */
const limitSeconds = 600;

/** Creates a crowd and waits until all its pods are ready. Returns how long that took, in ms. */
export async function startCrowd(lab: Lab, crowd: Crowd): Promise<number> {
  const start = performance.now();
  const list = { apiVersion: "v1", kind: "List", items: crowdObjects(crowd) };
  await kubectl(lab, ["create", "-f", "-"], { input: JSON.stringify(list) });
  await waitForCrowd(lab, crowd, "condition=Ready");
  return performance.now() - start;
}

/** Deletes a crowd and waits until the API server knows none of its pods. Returns how long that took, in ms. */
export async function endCrowd(lab: Lab, crowd: Crowd): Promise<number> {
  const start = performance.now();
  await kubectl(lab, ["delete", "pods", "-l", `crowd=${crowd.name}`, "--wait=false"]);
  await waitForCrowd(lab, crowd, "delete");
  return performance.now() - start;
}

async function waitForCrowd(lab: Lab, { name }: Crowd, what: string): Promise<void> {
  const args = ["wait", "pods", "-l", `crowd=${name}`, `--for=${what}`, `--timeout=${limitSeconds}s`];
  await kubectl(lab, args, { timeoutMs: (limitSeconds + 10) * 1000 });
}

function crowdObjects({ name, nodes, perNode }: Crowd): readonly unknown[] {
  const container = { name: "pause", image: imageNames.pause, imagePullPolicy: "Never" };
  const pod = (node: LabNode, index: number) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `${name}-${node.name}-${index}`, labels: { crowd: name } },
    spec: {
      nodeName: node.name,
      terminationGracePeriodSeconds: 1,
      enableServiceLinks: false,
      // Its volume would cost kubelet more than the network.
      automountServiceAccountToken: false,
      containers: [container],
    },
  });
  return nodes.flatMap((node) => Array.from({ length: perNode }, (_, index) => pod(node, index)));
}
