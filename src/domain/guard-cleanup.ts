import { removeLeftovers } from "./guard-leftovers.ts";
import type { GuardObservation, Mend, NamespaceObservation } from "./guard-observation.ts";
import type { Sysctls } from "./guard-sysctls.ts";
import { tailnetLink } from "./kernel-constants.ts";
import type { KernelOperation, NamespaceName } from "./kernel-state.ts";
import { cleanForeignChain } from "./nft-foreign.ts";
import { nftTableName } from "./nft-node-table.ts";
import { removeTable } from "./nft-table.ts";

/**
 * Takes everything of the guard out of both namespaces and gives the node its sysctls back. Needs no settings: ours
 * is what carries our protocol number, our table's name, our comments and our link's name.
 */
export function planCleanup(observation: GuardObservation, remembered: Sysctls): readonly Mend[] {
  const { node, tailnet } = observation;
  const links = new Set(node.kernel.links.map(({ name }) => name));
  const values = Object.fromEntries(Object.entries(remembered).filter(([name]) => restorable(name, links)));
  return [
    ...cleanNamespace("node", node),
    ...(tailnet === undefined ? [] : cleanNamespace("tailnet", tailnet)),
    ...(Object.keys(values).length === 0
      ? []
      : [{ kind: "sysctls" as const, namespace: "node" as const, values }]),
  ];
}

function cleanNamespace(
  namespace: NamespaceName,
  { kernel, firewall }: NamespaceObservation,
): readonly Mend[] {
  const operations: KernelOperation[] = [...removeLeftovers(kernel, [], tailnetLink[namespace])];
  if (kernel.links.some(({ name }) => name === tailnetLink[namespace]))
    operations.push({ op: "link.remove", link: tailnetLink[namespace] });
  // Our table always: one without chains shows in no listing of chains.
  const changes = [
    ...(firewall?.foreign.flatMap(cleanForeignChain) ?? []),
    { tool: "nft" as const, document: removeTable(nftTableName) },
  ];
  return [
    ...(operations.length === 0 ? [] : [{ kind: "kernel" as const, namespace, operations }]),
    ...changes.map((change) => ({ kind: "firewall" as const, namespace, changes: [change] })),
  ];
}

/** Values of links that are gone have nowhere to go: "net/ipv4/conf/eth1/forwarding". */
function restorable(name: string, links: ReadonlySet<string>): boolean {
  const [, , scope, link = ""] = name.split("/");
  return scope !== "conf" || link === "all" || link === "default" || links.has(link);
}
