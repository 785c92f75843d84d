import { kubectl } from "../kubernetes/kubectl.ts";
import { fetchThroughForward } from "../kubernetes/port-forward.ts";
import { type ClusterPod, execInClusterPod, workloadPods } from "../kubernetes/workload.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import { workload } from "./install-scene.ts";
import { teller } from "./run-demo.ts";
import type { Screen } from "./screen.ts";

/** What an operator does with a pod, and whether the answer is that pod's. */
const deeds: readonly {
  readonly words: string;
  readonly try: (lab: Lab, pod: ClusterPod) => Promise<boolean>;
}[] = [
  {
    words: "exec",
    try: async (lab, pod) => (await execInClusterPod(lab, pod, ["hostname"])).stdout.trim() === pod.name,
  },
  {
    words: "logs",
    try: async (lab, pod) => {
      const line = `seen by kubectl logs of ${pod.name}`;
      // Its web server itself logs nothing.
      await execInClusterPod(lab, pod, ["sh", "-c", `echo "${line}" >/proc/1/fd/1`]);
      return (await kubectl(lab, ["logs", pod.name])).includes(line);
    },
  },
  {
    words: "port-forward",
    try: async (lab, pod) => (await fetchThroughForward(lab, pod)).startsWith(`${pod.name} `),
  },
];

/** Does with a pod of each node what an operator does, and prints a line for each. True if all of it worked. */
export async function showKubectl(screen: Screen, lab: Lab, nodes: readonly LabNode[]): Promise<boolean> {
  const tell = teller(screen);
  const pods = await workloadPods(lab, workload.name);
  const worked: boolean[] = [];
  for (const node of nodes) {
    const pod = pods.find((candidate) => candidate.node === node.name);
    if (pod === undefined) {
      tell(screen.bad(`${node.name} has no pod`));
      worked.push(false);
      continue;
    }
    for (const { words, try: tryIt } of deeds) {
      const why = await tryIt(lab, pod).then(
        (good) => (good ? undefined : "another answer than the pod's"),
        String,
      );
      tell(
        `kubectl ${words} ${pod.name} on ${node.name}: ${why === undefined ? screen.good("ok") : screen.bad(why)}`,
      );
      worked.push(why === undefined);
    }
  }
  return worked.every(Boolean);
}
