import * as z from "zod";
import { type AskedNode, judgingNodes } from "../../domain/policy/trace-verdict.ts";
import { policyTracePageSchema } from "../../observe/pages/policy-trace-page.ts";
import { askNode, nodePodsOf } from "../cluster/ask-nodes.ts";
import { type ClusterClient, type NodePod, openCluster } from "../cluster/cluster-client.ts";
import type { CliContext } from "../command.ts";
import type { AskedWords } from "./policy-trace-document.ts";

/** A node that answers nothing is passed over; so many of them, and the cluster is not asked any longer. */
const mostFailures = 3;

const documentSchema = z.looseObject({ nodes: z.tuple([policyTracePageSchema]) });

/**
 * Asks the nodes of both ends through the API server: first any one, which knows where the pods are as all do, then those. Throws CliError when there are
 * no nodes to ask; a node that does not answer is part of what it gives.
 */
export async function askBothEnds(context: CliContext, words: AskedWords): Promise<readonly AskedNode[]> {
  const cluster = openCluster(context);
  try {
    context.progress.step("Listing HeadCNI's pods");
    const pods = await nodePodsOf(cluster, []);
    const ask = (pod: NodePod) => askPod(cluster, pod, words, context);
    const asked: AskedNode[] = [];
    for (const pod of pods) {
      const node = await ask(pod);
      asked.push(node);
      if (node.answer?.code === "TRACED" || asked.length >= mostFailures) break;
      // Whatever else it says of the question, others say the same.
      if (
        node.answer !== undefined &&
        node.answer.code !== "NOT_KNOWN" &&
        node.answer.code !== "NOT_ENFORCED"
      )
        break;
    }
    const traced = asked.flatMap(({ answer }) => (answer === undefined ? [] : judgingNodes(answer)));
    const missing = pods.filter(
      ({ node }) => traced.includes(node) && !asked.some((one) => one.node === node),
    );
    return [...asked, ...(await Promise.all(missing.map(ask)))];
  } finally {
    context.progress.end();
    await cluster.close();
  }
}

async function askPod(
  cluster: ClusterClient,
  pod: NodePod,
  { from, to, port }: AskedWords,
  { progress, signal }: CliContext,
): Promise<AskedNode> {
  const { node } = pod;
  progress.step(`Asking ${node}`);
  const command = ["headcnictl", "-o", "json", "policy-trace", "--here", "--", from, to, port];
  const { document, error } = await askNode(cluster, pod, { command, signal });
  if (error !== undefined) return { node, failure: error.message };
  const read = documentSchema.safeParse(document);
  if (!read.success) return { node, failure: "its answer is not understood: is it of another version?" };
  const [{ notes, answer }] = read.data.nodes;
  return { node, notes, answer };
}
