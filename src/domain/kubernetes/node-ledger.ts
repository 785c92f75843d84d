import type { ClusterNode } from "./kubernetes-objects.ts";
import type { ObjectChange } from "./kubernetes-watch.ts";

/**
 * The cluster's Nodes as this node counts them. One that disappeared counts until it was missing at two turns of the
 * clock: between one and two grace periods, without anybody reading a clock.
 */
export interface NodeLedger {
  readonly nodes: Readonly<Record<string, ClusterNode>>;
  /** Names of those that disappeared, and whether a turn has passed since. */
  readonly missing: Readonly<Record<string, "new" | "old">>;
}

export const emptyLedger: NodeLedger = { nodes: {}, missing: {} };

/** A complete list came. The same ledger when it says nothing new. */
export function listNodes(ledger: NodeLedger, items: readonly ClusterNode[]): NodeLedger {
  const seen = new Set(items.map(({ name }) => name));
  const gone = Object.values(ledger.nodes).filter(({ name }) => !seen.has(name));
  return changeNodes(ledger, [
    ...items.map((item) => ({ kind: "put" as const, item })),
    ...gone.map((item) => ({ kind: "removed" as const, item })),
  ]);
}

/** Changes came. The same ledger when they say nothing new: a kubelet's reports every five minutes do not. */
export function changeNodes(ledger: NodeLedger, changes: readonly ObjectChange<ClusterNode>[]): NodeLedger {
  const nodes: Record<string, ClusterNode> = { ...ledger.nodes };
  const missing: Record<string, "new" | "old"> = { ...ledger.missing };
  let changed = false;
  for (const { kind, item } of changes) {
    const counts = nodes[item.name] !== undefined && missing[item.name] === undefined;
    if (kind === "put" ? counts && sameNode(nodes[item.name], item) : !counts) continue;
    changed = true;
    if (kind === "put") {
      nodes[item.name] = item;
      delete missing[item.name];
    } else missing[item.name] = "new";
  }
  return changed ? { nodes, missing } : ledger;
}

/** The clock turned: who was missing at the last turn already does not count any more. */
export function turnLedger({ nodes, missing }: NodeLedger): NodeLedger {
  const entries = Object.entries(missing);
  const left = new Set(entries.filter(([, age]) => age === "old").map(([name]) => name));
  return {
    nodes:
      left.size === 0 ? nodes : Object.fromEntries(Object.entries(nodes).filter(([name]) => !left.has(name))),
    missing: Object.fromEntries(
      entries.filter(([name]) => !left.has(name)).map(([name]) => [name, "old" as const]),
    ),
  };
}

function sameNode(a: ClusterNode | undefined, b: ClusterNode): boolean {
  return (
    a !== undefined &&
    a.uid === b.uid &&
    a.tailnetNodeId === b.tailnetNodeId &&
    a.podCidrs.join() === b.podCidrs.join() &&
    a.addresses.join() === b.addresses.join()
  );
}
