import { getJson } from "../kubernetes/control-plane/kubectl.ts";
import { inNode } from "../kubernetes/node/node-machine.ts";
import { type ClusterPod, whoPath, workloadPods } from "../kubernetes/workload/workload.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import { runResult } from "../run-command.ts";
import { workload } from "./install-scene.ts";
import { type Screen, tableLines } from "./screen.ts";

const requests = 20;

/** Asks the Service from each node and prints which pods answered. True if every request was answered by one of its pods. */
export async function showService(screen: Screen, lab: Lab, nodes = lab.nodes): Promise<boolean> {
  const pods = await workloadPods(lab, workload.name);
  const service = await getJson<{ readonly spec: { readonly clusterIP: string } }>(lab, [
    "service",
    workload.name,
  ]);
  const { clusterIP } = service.spec;
  const header = [
    `${requests} REQUESTS FROM`,
    "TO",
    ...nodes.map(({ name }) => `BY PODS OF ${name}`),
    "LOST",
  ];
  const counts = await Promise.all(nodes.map((node) => countAnswers(lab, node, clusterIP, pods)));
  const rows = counts.map((answered, index) => {
    const lost = requests - answered.length;
    const by = (node: string) => String(answered.filter((pod) => pod.node === node).length);
    const paint = lost === 0 ? screen.good : screen.bad;
    return [
      nodes[index]?.name ?? "",
      `${clusterIP}:80`,
      ...nodes.map(({ name }) => by(name)),
      { text: String(lost), paint },
    ];
  });
  screen.print(...tableLines(screen, header, rows));
  return counts.every((answered) => answered.length === requests);
}

/** The pods that answered, one for each request that was answered. */
async function countAnswers(
  lab: Lab,
  node: LabNode,
  address: string,
  pods: readonly ClusterPod[],
): Promise<readonly ClusterPod[]> {
  // Debian's busybox breaks down over wget's own time limit.
  const ask = ["timeout", "5", "wget", "-q", "-O-", `http://${address}${whoPath}`] as const;
  const answers: ClusterPod[] = [];
  for (let request = 0; request < requests; request += 1) {
    const { stdout } = await runResult(await inNode(lab, node, ask));
    const pod = pods.find(({ name }) => stdout.startsWith(`${name} `));
    if (pod !== undefined) answers.push(pod);
  }
  return answers;
}
