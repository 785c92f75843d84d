import { tailnetLink } from "../kernel/kernel-constants.ts";
import type { KernelOperation } from "../kernel/kernel-state.ts";
import { allowlistTableName } from "../nftables/nft-allowlist-table.ts";
import { cleanForeignChain } from "../nftables/nft-foreign.ts";
import { nftTableName } from "../nftables/nft-node-table.ts";
import { removeTable } from "../nftables/nft-table.ts";
import { policyTableName } from "../policy/policy-plan.ts";
import { removeLeftovers } from "./guard-leftovers.ts";
import type { NamespaceObservation, Repair } from "./guard-observation.ts";
import type { Sysctls } from "./guard-sysctls.ts";

/**
 * Takes everything of the guard out of the node and gives it its sysctls back. Needs no settings: ours is what carries our protocol
 * number, our table's name, our comments and our link's name.
 */
export function planCleanup(
  { kernel, firewall }: NamespaceObservation,
  remembered: Sysctls,
): readonly Repair[] {
  const namespace = "node" as const;
  const links = new Set(kernel.links.map(({ name }) => name));
  const values = Object.fromEntries(Object.entries(remembered).filter(([name]) => restorable(name, links)));
  const operations: KernelOperation[] = [...removeLeftovers(kernel, [], tailnetLink.node)];
  if (links.has(tailnetLink.node)) operations.push({ op: "link.remove", link: tailnetLink.node });
  // Our table always: one without chains shows in no listing of chains.
  const changes = [
    ...(firewall?.foreign.flatMap(cleanForeignChain) ?? []),
    { tool: "nft" as const, document: removeTable(nftTableName) },
    // Here only beside the node's own tailscaled; ours has it in the tailnet namespace, and it goes with that.
    { tool: "nft" as const, document: removeTable(allowlistTableName) },
    { tool: "nft" as const, document: removeTable(policyTableName) },
  ];
  return [
    ...(operations.length === 0 ? [] : ([{ kind: "kernel" as const, namespace, operations }] as const)),
    ...changes.map((change) => ({ kind: "firewall" as const, namespace, changes: [change] })),
    ...(Object.keys(values).length === 0 ? [] : ([{ kind: "sysctls" as const, namespace, values }] as const)),
  ];
}

/** Values of links that are gone have nowhere to go: "net/ipv4/conf/eth1/forwarding". */
function restorable(name: string, links: ReadonlySet<string>): boolean {
  const [, , scope, link = ""] = name.split("/");
  return scope !== "conf" || link === "all" || link === "default" || links.has(link);
}
