import { inNode } from "../../../lab/kubernetes/node/node-machine.ts";
import { type ClusterPod, execInClusterPod, whoPath } from "../../../lab/kubernetes/workload/workload.ts";
import type { Lab, LabNode } from "../../../lab/lab-types.ts";
import { inNetns } from "../../../lab/network/netns.ts";
import { type CommandLine, runResult } from "../../../lab/run-command.ts";

/** Who answered at a URL, and the address it saw; undefined without an answer. */
export type Answer = { readonly pod: string; readonly source: string } | undefined;

/** Asks a workload from one of the cluster's pods. `host` as in a URL: `10.244.1.2:80`, `[fd00::1]`. */
export async function askFromPod(lab: Lab, pod: ClusterPod, host: string): Promise<Answer> {
  return (await askAllFromPod(lab, pod, [host]))[0];
}

/** The same at many hosts at once; the answers in their order. */
export async function askAllFromPod(
  lab: Lab,
  pod: ClusterPod,
  hosts: readonly string[],
): Promise<readonly Answer[]> {
  return answersIn((await execInClusterPod(lab, pod, ask(hosts))).stdout, hosts);
}

/** The same from a node. */
export async function askFromNode(lab: Lab, node: LabNode, host: string): Promise<Answer> {
  return (await askAllFromNode(lab, node, [host]))[0];
}

export async function askAllFromNode(
  lab: Lab,
  node: LabNode,
  hosts: readonly string[],
): Promise<readonly Answer[]> {
  return answersIn((await runResult(await inNode(lab, node, ask(hosts)))).stdout, hosts);
}

/** The same from a host of the underlay that is no node: the lab's own, or another. */
export async function askFromOutside({ netns }: Pick<Lab, "netns">, host: string): Promise<Answer> {
  return answersIn((await runResult(inNetns(netns, ask([host])))).stdout, [host])[0];
}

/**
 * Asks at all hosts at once, in one process: kubectl costs more than an answer. Prints a line for each, with its place before it.
 * Debian's busybox breaks down over wget's own time limit.
 */
const askAll = `place=0
for host in "$@"; do
  (echo "$place $(timeout 5 wget -q -O- "http://$host${whoPath}")") &
  place=$((place + 1))
done
wait`;

function ask(hosts: readonly string[]): CommandLine {
  return ["sh", "-c", askAll, "sh", ...hosts];
}

function answersIn(stdout: string, hosts: readonly string[]): readonly Answer[] {
  // busybox's httpd listens on IPv6 and shows IPv4 clients as mapped addresses.
  const lines = [...stdout.matchAll(/^(\d+) (\S+) \[(?:::ffff:)?(\S+)\]/gm)];
  return hosts.map((_, place) => {
    const line = lines.find(([, of]) => Number(of) === place);
    return line === undefined ? undefined : { pod: line[2] ?? "", source: line[3] ?? "" };
  });
}
