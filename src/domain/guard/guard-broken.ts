import { containsAddress, parsePrefix } from "../addresses/prefix.ts";
import { tailnetLink } from "../kernel/kernel-constants.ts";
import type { KernelOperation, KernelSnapshot, NamespaceName } from "../kernel/kernel-state.ts";
import { mendForeignChain } from "../nftables/nft-foreign.ts";
import { loadTable, type NftTable, removeTable, tableHolds } from "../nftables/nft-table.ts";
import { policyTableName } from "../policy/policy-plan.ts";
import { holds } from "./guard-holds.ts";
import { removeLeftovers } from "./guard-leftovers.ts";
import type { BrokenInvariant, Mend, NamespaceObservation } from "./guard-observation.ts";
import type { GuardSettings } from "./guard-settings.ts";
import { brokenSysctls, wishedSysctls } from "./guard-sysctls.ts";
import type { KernelWish } from "./guard-wishes.ts";

/** Unmet wishes, grouped by invariant in the order of the first of each. */
export function brokenWishes(
  namespace: NamespaceName,
  wishes: readonly KernelWish[],
  snapshot: KernelSnapshot,
): readonly BrokenInvariant[] {
  const unmet = wishes.filter(({ operation }) => !holds(operation, snapshot));
  const names = [...new Set(unmet.map(({ invariant }) => invariant))];
  return names.map((invariant) => {
    const operations = unmet.filter((wish) => wish.invariant === invariant).map((wish) => wish.operation);
    return { invariant, mends: [{ kind: "kernel", namespace, operations }] };
  });
}

export function leftovers(
  namespace: NamespaceName,
  wishes: readonly KernelWish[],
  snapshot: KernelSnapshot,
): readonly BrokenInvariant[] {
  const operations: readonly KernelOperation[] = removeLeftovers(snapshot, wishes, tailnetLink[namespace]);
  if (operations.length === 0) return [];
  return [{ invariant: `${namespace}.leftovers`, mends: [{ kind: "kernel", namespace, operations }] }];
}

export function sysctls(
  namespace: NamespaceName,
  settings: GuardSettings,
  observed: NamespaceObservation,
): readonly BrokenInvariant[] {
  const values = brokenSysctls(wishedSysctls(settings, namespace, observed.kernel), observed.sysctls);
  if (Object.keys(values).length === 0) return [];
  return [{ invariant: `${namespace}.sysctls`, mends: [{ kind: "sysctls", namespace, values }] }];
}

/**
 * The Service prefixes in which this node has no address of its own: a wrong one, or the default, must not cut a node off
 * from its LAN. What stands on loopback or a dummy link may be a Service's address (kube-proxy's IPVS mode, caches of DNS).
 */
export function servicesElsewhere(
  { services }: GuardSettings,
  { links, addresses }: KernelSnapshot,
): readonly string[] {
  const reaching = links.filter(({ name, kind }) => name !== "lo" && kind !== "dummy");
  const own = addresses.filter(({ linkIndex }) => reaching.some(({ index }) => index === linkIndex));
  return services.filter(
    (prefix) => !own.some(({ address }) => containsAddress(parsePrefix(prefix), address)),
  );
}

export function brokenTable(
  namespace: NamespaceName,
  table: NftTable,
  { firewall }: NamespaceObservation,
): readonly BrokenInvariant[] {
  if (firewall === undefined || tableHolds(table, firewall.own)) return [];
  const changes = [{ tool: "nft" as const, document: loadTable(table) }];
  return [{ invariant: `${namespace}.firewall`, mends: [{ kind: "firewall", namespace, changes }] }];
}

/** Of an earlier configuration, under which NetworkPolicies were enforced: nobody keeps it any more. */
export function leftPolicies(
  { networkPolicies }: GuardSettings,
  { firewall }: NamespaceObservation,
): readonly BrokenInvariant[] {
  if (networkPolicies || firewall?.policies === undefined) return [];
  const changes = [{ tool: "nft" as const, document: removeTable(policyTableName) }];
  return [{ invariant: "node.leftovers", mends: [{ kind: "firewall", namespace: "node", changes }] }];
}

/** Chain by chain: one that cannot be changed must not keep the others closed. */
export function foreign(
  settings: GuardSettings,
  { firewall }: NamespaceObservation,
): readonly BrokenInvariant[] {
  const mends = (firewall?.foreign ?? [])
    .map((chain) => mendForeignChain(settings, chain))
    .filter((changes) => changes.length > 0)
    .map((changes): Mend => ({ kind: "firewall", namespace: "node", changes }));
  return mends.length === 0 ? [] : [{ invariant: "node.foreignFirewall", mends }];
}
