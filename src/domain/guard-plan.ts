import { findLink, holds } from "./guard-holds.ts";
import { removeLeftovers } from "./guard-leftovers.ts";
import type { BrokenInvariant, GuardObservation, Mend, NamespaceObservation } from "./guard-observation.ts";
import { podRouteWishes } from "./guard-pod-routes.ts";
import type { GuardSettings } from "./guard-settings.ts";
import { brokenSysctls, wishedSysctls } from "./guard-sysctls.ts";
import { settingsOnNode } from "./guard-underlay.ts";
import { type KernelWish, nodeWishes, tailnetWishes } from "./guard-wishes.ts";
import { tailnetLink } from "./kernel-constants.ts";
import type { KernelOperation, KernelSnapshot, NamespaceName } from "./kernel-state.ts";
import { mendForeignChain } from "./nft-foreign.ts";
import { nodeTable } from "./nft-node-table.ts";
import { loadTable, type NftTable, tableHolds } from "./nft-table.ts";
import { tailnetTable } from "./nft-tailnet-table.ts";
import { containsAddress, parsePrefix } from "./prefix.ts";

/**
 * What is broken, in the order of mending: X's firewall and ours before anything can flow, the veth before what
 * stands on it, refusals before routes, routes before the rules that lead to them. Firewalls are ready for IPv6 before the node has it.
 */
export function findBroken(
  configured: GuardSettings,
  observation: GuardObservation,
): readonly BrokenInvariant[] {
  const { node, tailnet } = observation;
  const settings = settingsOnNode(configured, node.kernel);
  const found: BrokenInvariant[] = [];
  if (tailnet) found.push(...brokenTable("tailnet", tailnetTable(configured), tailnet));
  const services = servicesElsewhere(configured, node.kernel);
  found.push(...brokenTable("node", nodeTable({ ...configured, services }), node));
  found.push(...brokenNode(settings, observation));
  if (tailnet) {
    const wishes = tailnetWishes(settings);
    found.push(...brokenWishes("tailnet", wishes, tailnet.kernel));
    found.push(...leftovers("tailnet", wishes, tailnet.kernel));
    found.push(...sysctls("tailnet", settings, tailnet));
  }
  found.push(...sysctls("node", settings, node));
  found.push(...foreign(configured, node));
  return found;
}

function brokenNode(settings: GuardSettings, observation: GuardObservation): readonly BrokenInvariant[] {
  const { node, tailnet } = observation;
  const snapshot = node.kernel;
  const wishes =
    tailnet === undefined ? wishesWithoutTailnet(settings, snapshot) : nodeWishes(settings, true);
  const pods = podRouteWishes(settings, snapshot);
  const broken = brokenWishes("node", [...wishes, ...pods], snapshot);
  // What stands on the veth is left alone until X is seen: it may be X as a running tailscaled has it.
  const left = leftovers("node", nodeWishes(settings, true), snapshot);
  if (tailnet === undefined) return [...broken, ...left];
  const torn = removeTornLink(snapshot, tailnet.kernel);
  if (torn.length === 0) return [...broken, ...left];
  // Everything that stands on the link goes with it: none of it holds where there is no link.
  const links = snapshot.links.filter(({ name }) => name !== tailnetLink.node);
  const again = brokenWishes("node", [...wishes, ...pods], { ...snapshot, links });
  return [{ invariant: "node.link", mends: torn }, ...again, ...left];
}

/**
 * While X is not open its veth may be there all the same, made by headcni-wire or held by an earlier X: what the node needs on it
 * for its own pods is kept, the veth itself is not touched.
 */
function wishesWithoutTailnet(settings: GuardSettings, snapshot: KernelSnapshot): readonly KernelWish[] {
  if (findLink(snapshot, tailnetLink.node) === undefined) return nodeWishes(settings, false);
  return nodeWishes(settings, true).filter(({ invariant }) => invariant !== "node.link");
}

/** Unmet wishes, grouped by invariant in the order of the first of each. */
function brokenWishes(
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

/** Half a veth pair (the other end is gone, or in a namespace that is no longer X) has to go before a new one. */
function removeTornLink(node: KernelSnapshot, tailnet: KernelSnapshot): readonly Mend[] {
  const here = findLink(node, tailnetLink.node);
  const there = findLink(tailnet, tailnetLink.tailnet);
  if (here?.kind === "veth" && there?.kind === "veth") return [];
  const mends: Mend[] = [];
  if (there !== undefined) mends.push(removal("tailnet", tailnetLink.tailnet));
  if (here !== undefined) mends.push(removal("node", tailnetLink.node));
  return mends;
}

function removal(namespace: NamespaceName, link: string): Mend {
  return { kind: "kernel", namespace, operations: [{ op: "link.remove", link }] };
}

function leftovers(
  namespace: NamespaceName,
  wishes: readonly KernelWish[],
  snapshot: KernelSnapshot,
): readonly BrokenInvariant[] {
  const operations: readonly KernelOperation[] = removeLeftovers(snapshot, wishes, tailnetLink[namespace]);
  if (operations.length === 0) return [];
  return [{ invariant: `${namespace}.leftovers`, mends: [{ kind: "kernel", namespace, operations }] }];
}

function sysctls(
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
function servicesElsewhere(
  { services }: GuardSettings,
  { links, addresses }: KernelSnapshot,
): readonly string[] {
  const reaching = links.filter(({ name, kind }) => name !== "lo" && kind !== "dummy");
  const own = addresses.filter(({ linkIndex }) => reaching.some(({ index }) => index === linkIndex));
  return services.filter(
    (prefix) => !own.some(({ address }) => containsAddress(parsePrefix(prefix), address)),
  );
}

function brokenTable(
  namespace: NamespaceName,
  table: NftTable,
  { firewall }: NamespaceObservation,
): readonly BrokenInvariant[] {
  if (firewall === undefined || tableHolds(table, firewall.own)) return [];
  const changes = [{ tool: "nft" as const, document: loadTable(table) }];
  return [{ invariant: `${namespace}.firewall`, mends: [{ kind: "firewall", namespace, changes }] }];
}

/** Chain by chain: one that cannot be changed must not keep the others closed. */
function foreign(settings: GuardSettings, { firewall }: NamespaceObservation): readonly BrokenInvariant[] {
  const mends = (firewall?.foreign ?? [])
    .map((chain) => mendForeignChain(settings, chain))
    .filter((changes) => changes.length > 0)
    .map((changes): Mend => ({ kind: "firewall", namespace: "node", changes }));
  return mends.length === 0 ? [] : [{ invariant: "node.foreignFirewall", mends }];
}
