import { Option } from "commander";
import * as z from "zod";
import { didYouMean, nearestName } from "../../config/keys/nearest-name.ts";
import { CliError } from "../cli-error.ts";
import type { CliCall, CliWord } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import {
  type ClusterClient,
  clusterError,
  daemonContainer,
  type NodePod,
  openCluster,
} from "./cluster-client.ts";
import { execInPod } from "./exec-in-pod.ts";

/** What one node answered: a document, or why there is none. */
export interface NodeAnswer {
  readonly node: string;
  readonly exitCode: number;
  readonly document?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

const atOnce = 8;
const answerMs = 60_000;

/** Whether the question goes to nodes of a cluster instead of to this one. */
export function asksCluster({ context: { target } }: CliCall): boolean {
  return target.allNodes || target.nodes.length > 0;
}

/** Runs the same command with `-o json` in HeadCNI's pod on each node that was named, eight at a time. */
export async function askNodes(call: CliCall, options: readonly CliWord[]): Promise<readonly NodeAnswer[]> {
  const { context } = call;
  const cluster = openCluster(context);
  try {
    context.progress.step("Listing HeadCNI's pods");
    const pods = await nodePodsOf(cluster, context.target.nodes);
    const command = ["headcnictl", "-o", "json", ...wordsOf(call, options)];
    let answered = 0;
    const tell = () => context.progress.step(`Asking ${pods.length} nodes: ${answered} answered`);
    tell();
    const queue = pods.entries();
    const answers: NodeAnswer[] = [];
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (const [index, pod] of queue) {
          answers[index] = await askNode(cluster, pod, { command, signal: context.signal });
          answered += 1;
          tell();
        }
      }),
    );
    return answers;
  } finally {
    context.progress.end();
    await cluster.close();
  }
}

/** HeadCNI's pods on these nodes; without names, on all. Throws CliError for a node that has none. */
export async function nodePodsOf(
  cluster: ClusterClient,
  nodes: readonly string[],
): Promise<readonly NodePod[]> {
  const pods = await cluster.nodePods();
  const known = pods.map(({ node }) => node);
  if (pods.length === 0)
    throw new CliError(
      "NOT_FOUND",
      "no pod of HeadCNI's DaemonSet is there: is it installed in this cluster?",
    );
  for (const node of nodes)
    if (!known.includes(node)) {
      throw new CliError(
        "NOT_FOUND",
        `no pod of HeadCNI is on a node "${node}"${didYouMean(nearestName(node, known))}\nit is on ${known.join(", ")}`,
      );
    }
  return nodes.length === 0 ? pods : pods.filter(({ node }) => nodes.includes(node));
}

const errorSchema = z.looseObject({
  kind: z.literal("Error"),
  error: z.looseObject({ code: z.string(), message: z.string() }),
});

/** What headcnictl prints on one node, as JSON; `command`: its whole command line. */
export async function askNode(
  cluster: ClusterClient,
  pod: NodePod,
  call: { readonly command: readonly string[]; readonly signal: AbortSignal },
): Promise<NodeAnswer> {
  const { node } = pod;
  try {
    const ran = await execInPod(cluster.config(), {
      ...call,
      pod,
      container: daemonContainer,
      timeoutMs: answerMs,
    });
    const document = parseDocument(ran.stdout);
    const failed = errorSchema.safeParse(document);
    if (failed.success) return { node, exitCode: ran.exitCode, error: failed.data.error };
    if (document !== undefined) return { node, exitCode: ran.exitCode, document };
    const message = ran.stderr.trim() || `headcnictl printed no JSON (exit code ${ran.exitCode})`;
    return { node, exitCode: exitCodes.failed, error: { code: "FAILED", message } };
  } catch (error) {
    const refusal = error instanceof CliError ? error : clusterError(error, node);
    const { code } = refusal.detail;
    return { node, exitCode: exitCodes.unreachable, error: { code, message: refusal.message } };
  }
}

function parseDocument(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The command line that means the same on the node, without what says where to ask. */
function wordsOf({ verb, words, options }: CliCall, known: readonly CliWord[]): readonly string[] {
  const flags = known.flatMap((word) => {
    const option = new Option(word.flags);
    const value = options[option.attributeName()];
    if (value === undefined || value === option.negate) return [];
    return typeof value === "string" ? [`${option.long}=${value}`] : [`${option.long}`];
  });
  return [...verb.split(" "), ...flags, ...(words.length === 0 ? [] : ["--", ...words])];
}

/** The worst; a node that does not know what was asked for counts only if none does. */
export function worstCode(answers: readonly NodeAnswer[]): ExitCode {
  const codes = answers.map(({ exitCode }) => exitCode);
  const known = codes.filter((code) => code !== exitCodes.notFound);
  return Math.max(...(known.length === 0 ? codes : known)) as ExitCode;
}
