import { request } from "node:http";
import type { Socket } from "node:net";
import { CliError } from "../cli-error.ts";
import { nodePodsOf } from "../cluster/ask-nodes.ts";
import { type ClusterClient, clusterError, type NodePod, openCluster } from "../cluster/cluster-client.ts";
import { forwardToPod } from "../cluster/forward-to-pod.ts";
import type { CliContext } from "../command.ts";
import { pause } from "../pause.ts";
import { untilAborted } from "../until-aborted.ts";
import { openListener } from "./local-listener.ts";

const probeMs = 20_000;
/** How long the reason of a broken way may take after the break itself. */
const reasonMs = 10_000;
/** Where containerd and others look for a forwarded port: localhost. */
const reachable = ["127.0.0.1", "::1", "localhost"];

/**
 * Leads a browser to the inspector of another node's daemon, through the API server, until Ctrl-C. Throws CliError when there is no
 * way, when the page is off there, and when the daemon has ended.
 */
export async function inspectNode(
  context: CliContext,
  options: {
    readonly port: number;
    readonly refused: () => void;
    readonly print: (url: string, node: { readonly node: string }) => void;
  },
): Promise<void> {
  const { target, signal, progress } = context;
  const [name] = target.nodes;
  if (target.allNodes || name === undefined || target.nodes.length > 1)
    throw new CliError("inspect shows one node: name it with --node NAME, without --all-nodes", {
      code: "USAGE",
    });
  const cluster = openCluster(context);
  const failed = Promise.withResolvers<never>();
  const over = new AbortController();
  const open = AbortSignal.any([signal, over.signal]);
  // What fails while nobody waits for it is reported by the next who does.
  failed.promise.catch(() => undefined);
  try {
    progress.step("Looking for HeadCNI's pod");
    const [pod] = await nodePodsOf(cluster, [name]);
    if (pod === undefined) return;
    if (!reachable.includes(pod.pages.host))
      throw new CliError(
        `the daemon on ${name} listens on ${pod.pages.host} (monitoring.address), but its inspector answers on loopback only: without monitoring.address it listens there`,
        { code: "NOT_FOUND" },
      );
    const carry = (local: Socket) => {
      carryTo(cluster, pod, local).catch(failed.reject);
    };
    const listener = await openListener({ port: options.port, carry, refused: options.refused });
    try {
      progress.step(`Opening the way to ${name}`);
      const answer = ask(listener.url, open).catch(async (error: unknown) => {
        await pause(reasonMs, open);
        throw error;
      });
      const { status, body } = await Promise.race([failed.promise, answer]);
      if (status !== 200) throw refusal(name, status, body);
      progress.end();
      options.print(listener.url, { node: name });
      await Promise.race([failed.promise, untilAborted(signal)]);
    } finally {
      over.abort();
      listener.close();
    }
  } finally {
    await cluster.close();
  }
}

async function carryTo(cluster: ClusterClient, pod: NodePod, local: Socket): Promise<void> {
  try {
    await forwardToPod(cluster.config(), { pod, port: pod.pages.port, local });
  } catch (error) {
    local.destroy();
    const pods = await cluster.nodePods();
    if (!pods.some((other) => other.namespace === pod.namespace && other.pod === pod.pod))
      throw new CliError(
        `HeadCNI's pod ${pod.pod} on ${pod.node} is gone: run this again to reach the one that took its place`,
        { code: "DAEMON_UNREACHABLE", where: pod.node },
        { cause: error },
      );
    const refused = await cluster.whyRefused(pod, "portforward");
    if (refused !== undefined) throw refused;
    throw error instanceof CliError ? error : clusterError(error, pod.node);
  }
}

function refusal(node: string, status: number, body: string): CliError {
  if (status === 404)
    return new CliError(
      `the inspector of the daemon on ${node} is off, and switching it on needs a user who may use pods/exec; monitoring.inspector: true has it on from the start`,
      { code: "NOT_FOUND" },
    );
  return new CliError(`the daemon on ${node} refuses its inspector with status ${status}: ${body.trim()}`, {
    code: "FAILED",
  });
}

/** Asks for the page as the browser will. */
function ask(url: string, signal: AbortSignal): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(probeMs)]);
    const fail = (cause: Error) =>
      reject(new CliError(`the inspector does not answer: ${cause.message}`, { code: "FAILED" }, { cause }));
    const asked = request(url, { agent: false, signal: limit }, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (text: string) => {
        body = (body + text).slice(0, 1_000);
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
      answer.on("error", fail);
    });
    asked.on("error", fail);
    asked.end();
  });
}
