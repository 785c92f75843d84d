import { setTimeout as delay } from "node:timers/promises";
import * as z from "zod";
import type { ApiTransport } from "../adapters/kubernetes/api-transport.ts";
import { HeadcniError } from "../domain/failure.ts";

export class CleanNodesError extends HeadcniError<{
  readonly code: "NOT_STOPPED" | "NOT_CLEANED";
  readonly nodes: readonly string[];
}> {}

const daemonSetSchema = z.object({
  metadata: z.object({ generation: z.number() }),
  status: z.object({
    observedGeneration: z.number().optional(),
    desiredNumberScheduled: z.number(),
    numberReady: z.number(),
  }),
});
const podsSchema = z.object({
  items: z.array(
    z.object({
      spec: z.object({ nodeName: z.string().optional() }),
      status: z.object({
        conditions: z.array(z.object({ type: z.string(), status: z.string() })).optional(),
      }),
    }),
  ),
});
const nodesSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      status: z.object({
        conditions: z.array(z.object({ type: z.string(), reason: z.string().optional() })).optional(),
      }),
    }),
  ),
});

const everyMs = 500;
/** The controller looks at a new DaemonSet within moments; one that wants no node by then has none. */
const settleMs = 10_000;

/** The API calls of the clean-up, all in one namespace. Methods throw KubernetesRequestError or CleanNodesError. */
export function cleanUpCluster(transport: ApiTransport, namespace: string, signal: AbortSignal) {
  const sets = `/apis/apps/v1/namespaces/${namespace}/daemonsets`;

  /** Deletes a DaemonSet and its pods; absent is fine. */
  async function removeSet(name: string): Promise<void> {
    await transport
      .call({ method: "DELETE", path: `${sets}/${name}`, body: { propagationPolicy: "Foreground" } }, signal)
      .catch(unlessMissing);
  }

  async function podsOf(selector: string) {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const answer = await transport.call({ method: "GET", path, query: { labelSelector: selector } }, signal);
    return podsSchema.parse(answer).items;
  }

  /** Waits until no pod with these labels is left. */
  async function untilGone(selector: string): Promise<void> {
    for (;;) {
      const pods = await podsOf(selector);
      if (pods.length === 0) return;
      await pause("NOT_STOPPED", "HeadCNI still runs", pods.map(nodeOf));
    }
  }

  /** Creates the DaemonSet and waits until its pod is ready on every node that it wants; gives their number. */
  async function runOnNodes(set: { readonly metadata: { readonly name: string } }, selector: string) {
    await transport.call({ method: "POST", path: sets, body: set }, signal);
    const start = performance.now();
    for (;;) {
      const path = `${sets}/${set.metadata.name}`;
      const { metadata, status } = daemonSetSchema.parse(
        await transport.call({ method: "GET", path }, signal),
      );
      const seen = status.observedGeneration === metadata.generation;
      const settled = status.desiredNumberScheduled > 0 || performance.now() - start > settleMs;
      if (seen && settled && status.numberReady === status.desiredNumberScheduled) return status.numberReady;
      const waiting = (await podsOf(selector)).filter((pod) => !isReady(pod));
      await pause("NOT_CLEANED", "these nodes are not cleaned up", waiting.map(nodeOf));
    }
  }

  /** Takes back the condition that the daemons kept in their Nodes. */
  async function removeConditions(): Promise<void> {
    const { items } = nodesSchema.parse(
      await transport.call({ method: "GET", path: "/api/v1/nodes" }, signal),
    );
    for (const { metadata, status } of items) {
      const ours = status.conditions?.some(
        ({ type, reason = "" }) => type === "NetworkUnavailable" && reason.startsWith("Headcni"),
      );
      if (ours !== true) continue;
      await transport
        .call(
          {
            method: "PATCH",
            path: `/api/v1/nodes/${metadata.name}/status`,
            contentType: "application/strategic-merge-patch+json",
            body: { status: { conditions: [{ type: "NetworkUnavailable", $patch: "delete" }] } },
          },
          signal,
        )
        .catch(unlessMissing);
    }
  }

  async function pause(
    code: CleanNodesError["detail"]["code"],
    text: string,
    nodes: readonly string[],
  ): Promise<void> {
    await delay(everyMs, undefined, { signal }).catch((cause: unknown) => {
      const where = nodes.length === 0 ? "" : `: ${nodes.join(", ")}`;
      throw new CleanNodesError(`time is over and ${text}${where}`, { code, nodes }, { cause });
    });
  }

  return { removeSet, untilGone, runOnNodes, removeConditions };
}

type Pod = z.infer<typeof podsSchema>["items"][number];

function nodeOf({ spec }: Pod): string {
  return spec.nodeName ?? "(no node)";
}

function isReady({ status }: Pod): boolean {
  return status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") === true;
}

function unlessMissing(error: unknown): void {
  if (!(error instanceof HeadcniError) || error.detail.code !== "NOT_FOUND") throw error;
}
