import { type NetworkCondition, tailnetNodeAnnotation } from "../../domain/kubernetes-objects.ts";
import type { ApiCall } from "./api-transport.ts";

/**
 * Sets NetworkUnavailable in a Node's status and touches nothing else: conditions are merged by their type
 * (strategic merge patch, Node v1 patchMergeKey=type). `nowMs` in ms since the epoch.
 */
export function conditionPatch(nodeName: string, condition: NetworkCondition, nowMs: number): ApiCall {
  const now = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  const times = { lastHeartbeatTime: now, lastTransitionTime: now };
  return statusPatch(nodeName, {
    status: { conditions: [{ type: "NetworkUnavailable", ...condition, ...times }] },
  });
}

/**
 * Sets the annotation by which a Node says which tailnet node it is. By the status, which needs no right beyond the condition's: an update of
 * it keeps what it says of metadata (pkg/registry/core/node/strategy.go: nodeStatusStrategy resets `spec` alone).
 */
export function identityPatch(nodeName: string, tailnetNodeId: string): ApiCall {
  return statusPatch(nodeName, { metadata: { annotations: { [tailnetNodeAnnotation]: tailnetNodeId } } });
}

function statusPatch(nodeName: string, body: unknown): ApiCall {
  return {
    method: "PATCH",
    path: `/api/v1/nodes/${nodeName}/status`,
    contentType: "application/strategic-merge-patch+json",
    body,
  };
}
