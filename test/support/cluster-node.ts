import type { ClusterNode, OwnNode } from "../../src/domain/kubernetes/kubernetes-objects.ts";

/** A Node with what a test does not care about: `n2` is the tailnet node "2", published. */
export function clusterNode(
  name: string,
  podCidrs: readonly string[],
  more: Partial<ClusterNode> = {},
): ClusterNode {
  return {
    name,
    uid: `u-${name}`,
    createdAt: "2026-01-01T00:00:00Z",
    tailnetNodeId: name.slice(1),
    podCidrs,
    addresses: [],
    ...more,
  };
}

/** A Node of our own, with addresses as kubelet writes them. */
export function ownNode(name: string, podCidrs: readonly string[], more: Partial<OwnNode> = {}): OwnNode {
  return {
    ...clusterNode(name, podCidrs),
    metricsAt: "",
    network: null,
    addressing: {
      addresses: [
        { type: "InternalIP", address: "10.99.0.11" },
        { type: "Hostname", address: name },
      ],
      replaced: null,
      annotated: true,
      uninitializedAt: -1,
    },
    ...more,
  };
}
