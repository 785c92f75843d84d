import { hashWords } from "../stable-hash.ts";
import type { ClusterNode } from "./kubernetes-objects.ts";
import type { NodeLedger } from "./node-ledger.ts";

/** How many nodes see to one that left: a second one, because the first may be down. */
const attendants = 2;

/**
 * The Nodes that counted before and do not any more, as far as `observer` is to see to them: each node of the cluster finds
 * the same few by itself. None while the observer's own Node is not there: then it may be the one that left.
 */
export function departuresFor(
  observer: string,
  before: NodeLedger,
  after: NodeLedger,
): readonly ClusterNode[] {
  const present = Object.keys(after.nodes).filter((name) => after.missing[name] === undefined);
  if (!present.includes(observer)) return [];
  const left = Object.values(before.nodes).filter(({ name }) => after.nodes[name] === undefined);
  return left.filter(({ name }) => attendantsOf(name, present).includes(observer));
}

function attendantsOf(departed: string, present: readonly string[]): readonly string[] {
  const rank = (name: string) => hashWords(`${departed} ${name}`)[0];
  return present.toSorted((a, b) => rank(a) - rank(b)).slice(0, attendants);
}
