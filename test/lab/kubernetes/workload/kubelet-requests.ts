import type { Lab } from "../../lab-types.ts";
import { kubectl } from "../control-plane/kubectl.ts";
import { fetchThroughForward } from "./port-forward.ts";
import { type ClusterPod, execInClusterPod } from "./workload.ts";

/** What an operator does with a pod by way of its kubelet; `isAnswered`: whether the answer is that pod's. */
export interface KubeletRequest {
  readonly words: "exec" | "logs" | "port-forward";
  readonly isAnswered: (lab: Lab, pod: ClusterPod) => Promise<boolean>;
}

/** For pods of a workload. */
export const kubeletRequests: readonly KubeletRequest[] = [
  {
    words: "exec",
    isAnswered: async (lab, pod) =>
      (await execInClusterPod(lab, pod, ["hostname"])).stdout.trim() === pod.name,
  },
  {
    words: "logs",
    isAnswered: async (lab, pod) => {
      const line = `a line of ${pod.name}`;
      // Its web server itself logs nothing.
      await execInClusterPod(lab, pod, ["sh", "-c", `echo "${line}" >/proc/1/fd/1`]);
      return (await kubectl(lab, ["logs", pod.name])).includes(line);
    },
  },
  {
    words: "port-forward",
    isAnswered: async (lab, pod) => (await fetchThroughForward(lab, pod)).startsWith(`${pod.name} `),
  },
];
