import { kubeletRequests } from "../kubernetes/workload/kubelet-requests.ts";
import { workloadPods } from "../kubernetes/workload/workload.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import { workload } from "./install-scene.ts";
import { teller } from "./run-demo.ts";
import type { Screen } from "./screen.ts";

/** Does with a pod of each node what an operator does, and prints a line for each. True if all of it worked. */
export async function showKubectl(screen: Screen, lab: Lab, nodes: readonly LabNode[]): Promise<boolean> {
  const tell = teller(screen);
  const pods = await workloadPods(lab, workload.name);
  let worked = true;
  for (const node of nodes) {
    const pod = pods.find((candidate) => candidate.node === node.name);
    if (pod === undefined) {
      tell(screen.bad(`${node.name} has no pod`));
      worked = false;
      continue;
    }
    for (const { words, isAnswered } of kubeletRequests) {
      const problem = await isAnswered(lab, pod).then(
        (answered) => (answered ? undefined : "the answer is another's"),
        String,
      );
      const how = problem === undefined ? screen.good("ok") : screen.bad(problem);
      tell(`kubectl ${words} ${pod.name} on ${node.name}: ${how}`);
      worked &&= problem === undefined;
    }
  }
  return worked;
}
