import { brokenOnHost } from "../host-guard/host-plan.ts";
import { tailnetLink } from "../kernel/kernel-constants.ts";
import type { KernelSnapshot, NamespaceName } from "../kernel/kernel-state.ts";
import { nodeTable } from "../nftables/nft-node-table.ts";
import { tailnetTable } from "../nftables/nft-tailnet-table.ts";
import { type DesiredObject, desiredNodeState, desiredTailnetState } from "./desired-state.ts";
import {
  brokenObjects,
  brokenTable,
  foreign,
  leftovers,
  leftPolicies,
  servicesElsewhere,
  sysctls,
} from "./guard-broken.ts";
import { findLink } from "./guard-holds.ts";
import type { BrokenInvariant, GuardObservation, Repair } from "./guard-observation.ts";
import { desiredPodRoutes } from "./guard-pod-routes.ts";
import { byCarrier, type GuardSettings, type NamespaceGuard } from "./guard-settings.ts";
import { settingsOnNode } from "./guard-underlay.ts";

/**
 * What is broken, in the order of repair: the tailnet namespace's firewall and ours before anything can flow, the veth before what stands
 * on it, refusals before routes, routes before the rules that lead to them. Firewalls are ready for IPv6 before the node has it.
 */
export function findBroken(
  guarded: GuardSettings,
  observation: GuardObservation,
): readonly BrokenInvariant[] {
  const broken = byCarrier(guarded, {
    namespace: (settings) => brokenAroundX(settings, observation),
    host: (settings) => brokenOnHost(settings, observation.node),
  });
  return [...broken, ...leftPolicies(guarded, observation.node)];
}

function brokenAroundX(
  configured: NamespaceGuard,
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
    const desired = desiredTailnetState(settings);
    found.push(...brokenObjects("tailnet", desired, tailnet.kernel));
    found.push(...leftovers("tailnet", desired, tailnet.kernel));
    found.push(...sysctls("tailnet", settings, tailnet));
  }
  found.push(...sysctls("node", settings, node));
  found.push(...foreign(configured, node));
  return found;
}

function brokenNode(settings: NamespaceGuard, observation: GuardObservation): readonly BrokenInvariant[] {
  const { node, tailnet } = observation;
  const snapshot = node.kernel;
  const desired =
    tailnet === undefined ? desiredWithoutTailnet(settings, snapshot) : desiredNodeState(settings, true);
  const pods = desiredPodRoutes(settings, snapshot);
  const broken = brokenObjects("node", [...desired, ...pods], snapshot);
  // What stands on the veth is left alone until the tailnet namespace is seen: a running tailscaled may have it.
  const left = leftovers("node", desiredNodeState(settings, true), snapshot);
  if (tailnet === undefined) return [...broken, ...left];
  const torn = removeTornLink(snapshot, tailnet.kernel);
  if (torn.length === 0) return [...broken, ...left];
  // Everything that stands on the link goes with it: none of it holds where there is no link.
  const links = snapshot.links.filter(({ name }) => name !== tailnetLink.node);
  const again = brokenObjects("node", [...desired, ...pods], { ...snapshot, links });
  return [{ invariant: "node.link", repairs: torn }, ...again, ...left];
}

/**
 * While the tailnet namespace is not open its veth may be there all the same, made by headcni-wire or held by an earlier tailnet namespace:
 * what the node needs on it for its own pods is kept, the veth itself is not touched.
 */
function desiredWithoutTailnet(settings: NamespaceGuard, snapshot: KernelSnapshot): readonly DesiredObject[] {
  if (findLink(snapshot, tailnetLink.node) === undefined) return desiredNodeState(settings, false);
  return desiredNodeState(settings, true).filter(({ invariant }) => invariant !== "node.link");
}

/** Half a veth pair (the other end is gone, or in a namespace that is no longer the tailnet namespace) has to go before a new one. */
function removeTornLink(node: KernelSnapshot, tailnet: KernelSnapshot): readonly Repair[] {
  const here = findLink(node, tailnetLink.node);
  const there = findLink(tailnet, tailnetLink.tailnet);
  if (here?.kind === "veth" && there?.kind === "veth") return [];
  const repairs: Repair[] = [];
  if (there !== undefined) repairs.push(removal("tailnet", tailnetLink.tailnet));
  if (here !== undefined) repairs.push(removal("node", tailnetLink.node));
  return repairs;
}

function removal(namespace: NamespaceName, link: string): Repair {
  return { kind: "kernel", namespace, operations: [{ op: "link.remove", link }] };
}
