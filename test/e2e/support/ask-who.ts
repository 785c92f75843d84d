import { inNode } from "../../lab/kubernetes/node-machine.ts";
import { type ClusterPod, execInClusterPod, whoPath } from "../../lab/kubernetes/workload.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/netns.ts";
import { runResult } from "../../lab/run-command.ts";

/** Who answered at a URL, and the address it saw; undefined without an answer. */
export type Answer = { readonly pod: string; readonly source: string } | undefined;

/** Asks a workload from one of the cluster's pods. `host` as in a URL: `10.244.1.2:80`, `[fd00::1]`. */
export async function askFromPod(lab: Lab, pod: ClusterPod, host: string): Promise<Answer> {
  return answerIn((await execInClusterPod(lab, pod, wget(host))).stdout);
}

/** The same from a node. */
export async function askFromNode(lab: Lab, node: LabNode, host: string): Promise<Answer> {
  return answerIn((await runResult(await inNode(lab, node, wget(host)))).stdout);
}

/** The same from a host of the underlay that is no node: the lab's own, or another. */
export async function askFromOutside({ netns }: Pick<Lab, "netns">, host: string): Promise<Answer> {
  return answerIn((await runResult(inNetns(netns, wget(host)))).stdout);
}

// Debian's busybox breaks down over wget's own time limit.
function wget(host: string) {
  return ["timeout", "5", "wget", "-q", "-O-", `http://${host}${whoPath}`] as const;
}

function answerIn(stdout: string): Answer {
  // busybox's httpd listens on IPv6 and shows IPv4 clients as mapped addresses.
  const match = /^(\S+) \[(?:::ffff:)?(\S+)\]/.exec(stdout);
  return match === null ? undefined : { pod: match[1] ?? "", source: match[2] ?? "" };
}
