import { containsAddress, parsePrefix } from "../addresses/prefix.ts";
import { tailnetLink } from "../kernel/kernel-constants.ts";
import type { KernelOperation, KernelSnapshot, NamespaceName } from "../kernel/kernel-state.ts";
import { repairForeignChain } from "../nftables/nft-foreign.ts";
import { loadTable, type NftTable, removeTable, tableHolds } from "../nftables/nft-table.ts";
import { policyTableName } from "../policy/policy-plan.ts";
import type { DesiredObject } from "./desired-state.ts";
import { holds } from "./guard-holds.ts";
import { removeLeftovers } from "./guard-leftovers.ts";
import type { BrokenInvariant, NamespaceObservation, Repair } from "./guard-observation.ts";
import type { GuardSettings } from "./guard-settings.ts";
import { brokenSysctls, desiredSysctls } from "./guard-sysctls.ts";

/** What of the desired state does not hold, grouped by invariant in the order of the first of each. */
export function brokenObjects(
  namespace: NamespaceName,
  desired: readonly DesiredObject[],
  snapshot: KernelSnapshot,
): readonly BrokenInvariant[] {
  const unmet = desired.filter(({ operation }) => !holds(operation, snapshot));
  const names = [...new Set(unmet.map(({ invariant }) => invariant))];
  return names.map((invariant) => {
    const operations = unmet
      .filter((object) => object.invariant === invariant)
      .map((object) => object.operation);
    return { invariant, repairs: [{ kind: "kernel", namespace, operations }] };
  });
}

export function leftovers(
  namespace: NamespaceName,
  desired: readonly DesiredObject[],
  snapshot: KernelSnapshot,
): readonly BrokenInvariant[] {
  const operations: readonly KernelOperation[] = removeLeftovers(snapshot, desired, tailnetLink[namespace]);
  if (operations.length === 0) return [];
  return [{ invariant: `${namespace}.leftovers`, repairs: [{ kind: "kernel", namespace, operations }] }];
}

export function sysctls(
  namespace: NamespaceName,
  settings: GuardSettings,
  observed: NamespaceObservation,
): readonly BrokenInvariant[] {
  const values = brokenSysctls(desiredSysctls(settings, namespace, observed.kernel), observed.sysctls);
  if (Object.keys(values).length === 0) return [];
  return [{ invariant: `${namespace}.sysctls`, repairs: [{ kind: "sysctls", namespace, values }] }];
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
  return [{ invariant: `${namespace}.firewall`, repairs: [{ kind: "firewall", namespace, changes }] }];
}

/** Of an earlier configuration, under which NetworkPolicies were enforced: nobody keeps it any more. */
export function leftPolicies(
  { networkPolicies }: GuardSettings,
  { firewall }: NamespaceObservation,
): readonly BrokenInvariant[] {
  if (networkPolicies || firewall?.policies === undefined) return [];
  const changes = [{ tool: "nft" as const, document: removeTable(policyTableName) }];
  return [{ invariant: "node.leftovers", repairs: [{ kind: "firewall", namespace: "node", changes }] }];
}

/** Chain by chain: one that cannot be changed must not keep the others closed. */
export function foreign(
  settings: GuardSettings,
  { firewall }: NamespaceObservation,
): readonly BrokenInvariant[] {
  const repairs = (firewall?.foreign ?? [])
    .map((chain) => repairForeignChain(settings, chain))
    .filter((changes) => changes.length > 0)
    .map((changes): Repair => ({ kind: "firewall", namespace: "node", changes }));
  return repairs.length === 0 ? [] : [{ invariant: "node.foreignFirewall", repairs }];
}
