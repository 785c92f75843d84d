import { parsePrefix } from "../addresses/prefix.ts";
import type { ClusterNode } from "../kubernetes/kubernetes-objects.ts";
import { bindNodes } from "../kubernetes/node-bindings.ts";
import type { NodeLedger } from "../kubernetes/node-ledger.ts";
import { isInside } from "./merge-approvals.ts";
import type { TailnetMachine } from "./tailnet-machine.ts";

/** What a machine is to have approved inside the supernets, where that is not so already. */
export interface RouteChange {
  readonly machineId: string;
  /** All that is right for it inside the supernets. */
  readonly wanted: readonly string[];
  /** Approved, and not to be. */
  readonly revoked: readonly string[];
  /** To be approved, and not yet. */
  readonly granted: readonly string[];
}

/**
 * How far a Node has come. `settled`: all its pod CIDRs are approved for its machine; `approvable`: they are being approved;
 * `withoutPrefix`: it has no pod CIDR that lies inside the supernets and is nobody else's; `unnamed`: it does not name its machine yet;
 * `machineMissing`: Headscale has no machine of the id that it names; `unannounced`: its machine does not announce its pod CIDRs;
 * `conflicting`: nor does it, and another Node names the same machine.
 */
export const nodeVerdicts = [
  "settled",
  "approvable",
  "withoutPrefix",
  "unnamed",
  "machineMissing",
  "unannounced",
  "conflicting",
] as const;
export type NodeVerdict = (typeof nodeVerdicts)[number];

export interface NodeRow {
  readonly node: string;
  readonly verdict: NodeVerdict;
}

export interface RouteDecisions {
  /** Those that revoke something first. */
  readonly changes: readonly RouteChange[];
  /** One per Node, by name. */
  readonly rows: readonly NodeRow[];
  /** Announced inside the supernets by machines to which they do not belong. */
  readonly strangers: number;
}

/**
 * Who is to have which routes. A pod CIDR is approved for one machine alone: the one that the Node with this CIDR names, once that
 * machine announces it. Neither side is enough: a machine cannot take a prefix by announcing it, nor a Node give its prefix to
 * a machine that does not want it. Host names never count. What is approved and right stays so while it is not announced, unless two
 * Nodes name its machine.
 */
export function decideRoutes(
  { nodes, missing }: NodeLedger,
  machines: readonly TailnetMachine[],
  supernetTexts: readonly string[],
): RouteDecisions {
  const supernets = supernetTexts.map(parsePrefix);
  const all = Object.values(nodes).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const bindings = bindNodes(all, missing).filter(({ prefix }) => isInside(prefix, supernets));
  const ownerOf = new Map(bindings.map(({ prefix, node, nodeId }) => [prefix, { node, nodeId }]));
  const claims = new Map<string, number>();
  for (const { tailnetNodeId: id } of all) if (id !== "") claims.set(id, (claims.get(id) ?? 0) + 1);

  const changes = machines.flatMap((machine): readonly RouteChange[] => {
    const { id, approved, announced } = machine;
    const contested = (claims.get(id) ?? 0) > 1;
    const has = approved.filter((route) => isInside(route, supernets));
    const wanted = bindings
      .filter(
        ({ prefix, nodeId }) =>
          nodeId === id && (announced.includes(prefix) || (has.includes(prefix) && !contested)),
      )
      .map(({ prefix }) => prefix);
    const revoked = has.filter((route) => !wanted.includes(route));
    const granted = wanted.filter((prefix) => !has.includes(prefix));
    return revoked.length + granted.length === 0 ? [] : [{ machineId: id, wanted, revoked, granted }];
  });

  const byId = new Map(machines.map((machine) => [machine.id, machine]));
  const judge = ({ name, tailnetNodeId: id }: ClusterNode): NodeVerdict => {
    const own = bindings.filter(({ node }) => node === name).map(({ prefix }) => prefix);
    if (own.length === 0) return "withoutPrefix";
    if (id === "") return "unnamed";
    const machine = byId.get(id);
    if (machine === undefined) return "machineMissing";
    if (own.every((prefix) => machine.approved.includes(prefix) && machine.announced.includes(prefix)))
      return "settled";
    if (own.every((prefix) => machine.announced.includes(prefix))) return "approvable";
    if ((claims.get(id) ?? 0) > 1) return "conflicting";
    return own.every((prefix) => machine.approved.includes(prefix)) ? "settled" : "unannounced";
  };

  const strangers = machines.reduce(
    (count, { id, announced }) =>
      count +
      announced.filter((route) => isInside(route, supernets) && ownerOf.get(route)?.nodeId !== id).length,
    0,
  );
  return {
    changes: changes.toSorted((a, b) => Number(a.revoked.length === 0) - Number(b.revoked.length === 0)),
    rows: all.map((node) => ({ node: node.name, verdict: judge(node) })),
    strangers,
  };
}
