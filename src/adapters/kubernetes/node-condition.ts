import type { NetworkCondition } from "../../domain/kubernetes-objects.ts";
import type { ApiCall } from "./api-transport.ts";

/**
 * Sets NetworkUnavailable in a Node's status and touches nothing else: conditions are merged by their type
 * (strategic merge patch, Node v1 patchMergeKey=type). `nowMs` in ms since the epoch.
 */
export function conditionPatch(nodeName: string, condition: NetworkCondition, nowMs: number): ApiCall {
  const now = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  return {
    method: "PATCH",
    path: `/api/v1/nodes/${nodeName}/status`,
    contentType: "application/strategic-merge-patch+json",
    body: {
      status: {
        conditions: [
          {
            type: "NetworkUnavailable",
            ...condition,
            lastHeartbeatTime: now,
            lastTransitionTime: now,
          },
        ],
      },
    },
  };
}
