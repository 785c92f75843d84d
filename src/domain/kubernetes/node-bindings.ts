import { byPlace, overlaps, type Prefix, parsePrefix } from "../addresses/prefix.ts";
import { positionOf } from "../sorted-list.ts";
import type { ClusterNode } from "./kubernetes-objects.ts";

/** A pod CIDR of a Node, and which node of the tailnet may serve it. */
export interface NodeBinding {
  /** Canonical. */
  readonly prefix: string;
  /** Stable ID of the tailnet node that the Node published; empty while it has not published one. */
  readonly nodeId: string;
  readonly node: string;
  readonly uid: string;
}

/** The tailnet node that may serve a prefix, by prefix; empty where its Node has not published one. */
export type BoundNodes = Readonly<Record<string, string>>;

/**
 * The bindings of the cluster's Nodes in the order of their prefixes, none overlapping another. Of two Nodes with overlapping prefixes
 * the one in `missing` (by name) loses, else the younger: nobody takes a prefix by a Node that is made later.
 */
export function bindNodes(
  nodes: readonly ClusterNode[],
  missing: Readonly<Record<string, unknown>>,
): readonly NodeBinding[] {
  const rank = ({ name, createdAt, uid }: ClusterNode) =>
    `${missing[name] === undefined ? 0 : 1} ${createdAt} ${uid}`;
  const ranked = nodes.map((node) => ({ node, rank: rank(node) })).sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const bound: { readonly place: Prefix; readonly binding: NodeBinding }[] = [];
  for (const { node } of ranked)
    for (const prefix of node.podCidrs) {
      const place = parsePrefix(prefix);
      const at = positionOf(bound, (one) => byPlace(one.place, place) < 0);
      const clashes = [bound[at - 1], bound[at]].some(
        (next) => next !== undefined && overlaps(next.place, place),
      );
      if (clashes) continue;
      const binding = { prefix, nodeId: node.tailnetNodeId, node: node.name, uid: node.uid };
      bound.splice(at, 0, { place, binding });
    }
  return bound.map(({ binding }) => binding);
}

export function boundNodes(bindings: readonly NodeBinding[]): BoundNodes {
  return Object.fromEntries(bindings.map(({ prefix, nodeId }) => [prefix, nodeId]));
}

export function sameBindings(a: readonly NodeBinding[], b: readonly NodeBinding[]): boolean {
  return (
    a.length === b.length &&
    a.every((one, at) => {
      const other = b[at];
      return (
        one.prefix === other?.prefix &&
        one.nodeId === other.nodeId &&
        one.node === other.node &&
        one.uid === other.uid
      );
    })
  );
}
