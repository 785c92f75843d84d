import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { Agent, request } from "undici";
import { toFailure } from "../../domain/failure.ts";
import { CliError } from "../cli-error.ts";
import { type NodeAnswer, nodePodsOf } from "../cluster/ask-nodes.ts";
import { type ClusterClient, clusterError, type NodePod, openCluster } from "../cluster/cluster-client.ts";
import { forwardToPod } from "../cluster/forward-to-pod.ts";
import type { CliContext } from "../command.ts";
import type { DaemonAnswer } from "../daemon-client.ts";
import { untilAborted } from "../until-aborted.ts";
import { openListener } from "./local-listener.ts";

const probeMs = 20_000;
/** How long the reason of a broken way may take after the break itself. */
const reasonMs = 10_000;
/** Where containerd and others look for a forwarded port: localhost. */
const reachable = ["127.0.0.1", "::1", "localhost"];

/**
 * Switches on the inspector of another node's daemon and leads a browser to it, through the API server, until Ctrl-C. Throws CliError
 * when there is no way, when the page is off there, and when the daemon has ended.
 */
export async function inspectNode(
  context: CliContext,
  options: {
    readonly port: number;
    readonly refused: () => void;
    /** Gives why the node did not: who may not run commands in pods may still look at an inspector that is on. */
    readonly switchOn: () => Promise<NodeAnswer["error"]>;
    readonly print: (url: string, node: { readonly node: string }) => void;
  },
): Promise<void> {
  const { target, signal, progress } = context;
  const [name] = target.nodes;
  if (target.allNodes || name === undefined || target.nodes.length > 1)
    throw new CliError("USAGE", "inspect shows one node: name it with --node NAME, without --all-nodes");
  const notSwitchedOn = await options.switchOn();
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
        "NOT_FOUND",
        `the daemon on ${name} listens on ${pod.pages.host} (monitoring.address), but its inspector answers on loopback only: without monitoring.address it listens there`,
      );
    const carry = (local: Socket) => {
      carryTo(cluster, pod, local).catch(failed.reject);
    };
    const listener = await openListener({ port: options.port, carry, refused: options.refused });
    try {
      progress.step(`Opening the way to ${name}`);
      const answer = ask(listener.url, open).catch(async (error: unknown) => {
        await pause(reasonMs, undefined, { signal: open });
        throw error;
      });
      const page = await Promise.race([failed.promise, answer]);
      if (page.status !== 200) throw pageRefusal(name, page, notSwitchedOn);
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
        "DAEMON_UNREACHABLE",
        `HeadCNI's pod ${pod.pod} on ${pod.node} is gone: run this again to reach the one that took its place`,
        error,
      );
    const refused = await cluster.whyRefused(pod);
    if (refused !== undefined) throw refused;
    throw error instanceof CliError ? error : clusterError(error, pod.node);
  }
}

/** Why there is no page to look at; `notSwitchedOn` is what kept the node from switching it on. */
export function pageRefusal(
  node: string,
  { status, body }: DaemonAnswer,
  notSwitchedOn: NodeAnswer["error"],
): CliError {
  if (status === 404) {
    const why = notSwitchedOn === undefined ? "" : `, and was not switched on: ${notSwitchedOn.message}`;
    const hint =
      notSwitchedOn?.code === "DAEMON_UNREACHABLE" ? " (it needs a user who may use pods/exec)" : "";
    return new CliError(
      "NOT_FOUND",
      `the inspector of the daemon on ${node} is off${why}${hint}; monitoring.inspector: true has it on from the start`,
    );
  }
  return new CliError(
    "FAILED",
    `the daemon on ${node} refuses its inspector with status ${status}: ${body.trim()}`,
  );
}

/** Asks for the page as the browser will. */
async function ask(url: string, signal: AbortSignal): Promise<DaemonAnswer> {
  const dispatcher = new Agent();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(probeMs)]);
  try {
    const { statusCode, body } = await request(url, { dispatcher, signal: limit });
    return { status: statusCode, body: (await body.text()).slice(0, 1_000) };
  } catch (error) {
    throw new CliError("FAILED", `the inspector does not answer: ${toFailure(error).message}`, error);
  } finally {
    await dispatcher.destroy();
  }
}
