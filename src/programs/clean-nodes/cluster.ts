import { setTimeout as delay } from "node:timers/promises";
import * as z from "zod";
import { addressesPatch } from "../../adapters/kubernetes/node-status.ts";
import { trim } from "../../adapters/kubernetes/trim-objects.ts";
import { HeadcniError } from "../../domain/failure.ts";
import { metricsAnnotation, tailnetNodeAnnotation } from "../../domain/kubernetes/kubernetes-objects.ts";
import { conditionReasons } from "../../domain/kubernetes/network-condition.ts";
import { withoutRouterAddresses } from "../../domain/kubernetes/node-address.ts";
import {
  awaitedNodes,
  type CleanupPod,
  type NodeCleanup,
  nodeCleanup,
} from "../../domain/kubernetes/node-cleanup.ts";
import type { ApiCalls } from "./persistent-calls.ts";

const conditionSchema = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
});
const daemonSetSchema = z.object({
  metadata: z.object({ generation: z.number() }),
  status: z.object({
    observedGeneration: z.number().optional(),
    desiredNumberScheduled: z.number(),
  }),
});
const podsSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ deletionTimestamp: z.string().optional() }),
      spec: z.object({ nodeName: z.string().optional() }),
      status: z.object({ conditions: z.array(conditionSchema).optional() }),
    }),
  ),
});
const nodeSchema = z.object({
  metadata: z.object({
    name: z.string(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  status: z.object({ conditions: z.array(conditionSchema).optional() }),
});
const nodesSchema = z.object({ items: z.array(z.unknown()) });

const reasons: readonly string[] = conditionReasons;
const everyMs = 1_000;
/** The controller looks at a new DaemonSet within moments; one that wants no node by then has none. */
const settleMs = 10_000;

/**
 * The API calls of the clean-up, all in one namespace. No method waits for nodes whose kubelet does not report, or past
 * its deadline (by `performance.now()`). Methods throw KubernetesRequestError.
 */
export function cleanUpCluster(transport: ApiCalls, namespace: string, signal: AbortSignal) {
  const sets = `/apis/apps/v1/namespaces/${namespace}/daemonsets`;

  /** Deletes a DaemonSet and its pods; absent is fine. Gone at once, so that another may come while a pod hangs. */
  async function removeSet(name: string): Promise<void> {
    await transport
      .call({ method: "DELETE", path: `${sets}/${name}`, body: { propagationPolicy: "Background" } }, signal)
      .catch(unlessMissing);
  }

  async function podsOf(selector: string): Promise<readonly (CleanupPod & { readonly ending: boolean })[]> {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const answer = await transport.call({ method: "GET", path, query: { labelSelector: selector } }, signal);
    return podsSchema.parse(answer).items.map(({ metadata, spec, status }) => ({
      node: spec.nodeName ?? "(no node)",
      ready: status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") === true,
      ending: metadata.deletionTimestamp !== undefined,
    }));
  }

  async function nodes(query: { readonly resourceVersion?: "0" }): Promise<readonly unknown[]> {
    return nodesSchema.parse(await transport.call({ method: "GET", path: "/api/v1/nodes", query }, signal))
      .items;
  }

  /** Names of the Nodes whose kubelet has not reported for so long that the control plane gave it up. */
  async function silentNodes(): Promise<readonly string[]> {
    // From the API server's cache: this is asked again and again.
    const all = (await nodes({ resourceVersion: "0" })).map((item) => nodeSchema.parse(item));
    const unknown = all.filter(({ status }) =>
      status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "Unknown"),
    );
    return unknown.map(({ metadata }) => metadata.name);
  }

  /** Waits until no pod with these labels is left. */
  async function untilGone(selector: string, deadline: number): Promise<void> {
    for (;;) {
      const pods = (await podsOf(selector)).map(({ node }) => ({ node, ready: false }));
      if (pods.length === 0 || awaitedNodes(pods, await silentNodes()).length === 0) return;
      if (performance.now() > deadline) return;
      await delay(everyMs, undefined, { signal });
    }
  }

  /** Creates the DaemonSet and waits until its pod is ready on every node that it wants. */
  async function runOnNodes(
    set: { readonly metadata: { readonly name: string } },
    selector: string,
    deadline: number,
  ): Promise<NodeCleanup> {
    await transport.call({ method: "POST", path: sets, body: set }, signal);
    const start = performance.now();
    const path = `${sets}/${set.metadata.name}`;
    for (;;) {
      const { metadata, status } = daemonSetSchema.parse(
        await transport.call({ method: "GET", path }, signal),
      );
      // Where no kubelet reports, the pod of an earlier set stays.
      const pods = (await podsOf(selector)).filter(({ ending }) => !ending);
      const silent = await silentNodes();
      const seen = status.observedGeneration === metadata.generation;
      const settled = status.desiredNumberScheduled > 0 || performance.now() - start > settleMs;
      const complete = seen && settled && pods.length >= status.desiredNumberScheduled;
      if (complete && awaitedNodes(pods, silent).length === 0) return nodeCleanup(pods, silent);
      if (performance.now() > deadline) return nodeCleanup(pods, silent);
      await delay(everyMs, undefined, { signal });
    }
  }

  /** Gives a Node the addresses back that its daemon replaced. */
  async function restoreAddresses(item: unknown): Promise<void> {
    const node = trim.ownNode(item);
    if (node === undefined || node.addressing.replaced === null) return;
    const restored = withoutRouterAddresses(node.addressing, node.podCidrs);
    await transport.call(addressesPatch(node.name, node.addressing, restored), signal).catch(unlessMissing);
  }

  /** Takes back what the daemons kept in these Nodes: addresses, the condition, and who they are in the tailnet. */
  async function removeFromNodes(names: readonly string[]): Promise<void> {
    for (const item of await nodes({})) {
      const { metadata, status } = nodeSchema.parse(item);
      if (!names.includes(metadata.name)) continue;
      await restoreAddresses(item);
      const ours = status.conditions?.some(
        ({ type, reason = "" }) => type === "NetworkUnavailable" && reasons.includes(reason),
      );
      const published = metadata.annotations?.[tailnetNodeAnnotation] !== undefined;
      if (ours !== true && !published) continue;
      await transport
        .call(
          {
            method: "PATCH",
            path: `/api/v1/nodes/${metadata.name}/status`,
            contentType: "application/strategic-merge-patch+json",
            body: {
              ...(published ? { metadata: { annotations: withoutIdentity } } : {}),
              ...(ours ? { status: { conditions: [{ type: "NetworkUnavailable", $patch: "delete" }] } } : {}),
            },
          },
          signal,
        )
        .catch(unlessMissing);
    }
  }

  return { removeSet, untilGone, runOnNodes, removeFromNodes };
}

const withoutIdentity = { [tailnetNodeAnnotation]: null, [metricsAnnotation]: null };

function unlessMissing(error: unknown): void {
  if (!(error instanceof HeadcniError) || error.detail.code !== "NOT_FOUND") throw error;
}
