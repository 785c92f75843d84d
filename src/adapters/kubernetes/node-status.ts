import {
  metricsAnnotation,
  type NetworkCondition,
  type NodeIdentity,
  tailnetNodeAnnotation,
} from "../../domain/kubernetes/kubernetes-objects.ts";
import {
  type NodeAddressing,
  replacedAddressesAnnotation,
  uninitializedTaint,
  type WrittenAddresses,
} from "../../domain/kubernetes/node-address.ts";
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
 * Sets the annotations by which a Node says which tailnet node it is, and where its metrics are. By the status, which needs no right beyond the condition's: an update of
 * it keeps what it says of metadata (pkg/registry/core/node/strategy.go: nodeStatusStrategy resets `spec` alone).
 */
export function identityPatch(nodeName: string, { nodeId, metricsAt }: NodeIdentity): ApiCall {
  const annotations = { [tailnetNodeAnnotation]: nodeId, [metricsAnnotation]: metricsAt || null };
  return statusPatch(nodeName, { metadata: { annotations } });
}

/**
 * Turns the addresses of a Node, as they were `seen`, into others; refused (422) if they are no longer so. As a JSON patch (RFC 6902), because a
 * strategic merge goes by an address's type alone, and without a resource version, because kubelet's reports change that all the time.
 */
export function addressesPatch(nodeName: string, seen: NodeAddressing, wanted: WrittenAddresses): ApiCall {
  const annotations = "/metadata/annotations";
  const ours = `${annotations}/${replacedAddressesAnnotation.replace("/", "~1")}`;
  return jsonPatch(`${nodePath(nodeName)}/status`, [
    // What is absent is null here (evanphx/json-patch, Patch.test).
    { op: "test", path: "/status/addresses", value: seen.addresses.length > 0 ? seen.addresses : null },
    { op: "add", path: "/status/addresses", value: wanted.addresses },
    ...(seen.annotated
      ? []
      : [
          { op: "test", path: annotations, value: null },
          { op: "add", path: annotations, value: {} },
        ]),
    ...(wanted.replaced === null
      ? [{ op: "remove", path: ours }]
      : [{ op: "add", path: ours, value: wanted.replaced }]),
  ]);
}

/** Removes the taint of a Node whose addresses nobody wrote, at its place among all taints; refused (422) if that is another's by now. */
export function initializedPatch(nodeName: string, place: number): ApiCall {
  const taint = `/spec/taints/${place}`;
  return jsonPatch(nodePath(nodeName), [
    { op: "test", path: `${taint}/key`, value: uninitializedTaint },
    { op: "remove", path: taint },
  ]);
}

function nodePath(nodeName: string): string {
  return `/api/v1/nodes/${nodeName}`;
}

function jsonPatch(path: string, body: readonly object[]): ApiCall {
  return { method: "PATCH", path, contentType: "application/json-patch+json", body };
}

function statusPatch(nodeName: string, body: unknown): ApiCall {
  return {
    method: "PATCH",
    path: `${nodePath(nodeName)}/status`,
    contentType: "application/strategic-merge-patch+json",
    body,
  };
}
