import { brokenOnHost } from "../host-guard/host-plan.ts";
import { tailnetLink } from "../kernel/kernel-constants.ts";
import type { KernelSnapshot, NamespaceName } from "../kernel/kernel-state.ts";
import { nodeTable } from "../nftables/nft-node-table.ts";
import { tailnetTable } from "../nftables/nft-tailnet-table.ts";
import {
  brokenTable,
  brokenWishes,
  foreign,
  leftovers,
  leftPolicies,
  servicesElsewhere,
  sysctls,
} from "./guard-broken.ts";
import { findLink } from "./guard-holds.ts";
import type { BrokenInvariant, GuardObservation, Mend } from "./guard-observation.ts";
import { podRouteWishes } from "./guard-pod-routes.ts";
import { byCarrier, type GuardSettings, type NamespaceGuard } from "./guard-settings.ts";
import { settingsOnNode } from "./guard-underlay.ts";
import { type KernelWish, nodeWishes, tailnetWishes } from "./guard-wishes.ts";

/**
 * What is broken, in the order of mending: X's firewall and ours before anything can flow, the veth before what
 * stands on it, refusals before routes, routes before the rules that lead to them. Firewalls are ready for IPv6 before the node has it.
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
    const wishes = tailnetWishes(settings);
    found.push(...brokenWishes("tailnet", wishes, tailnet.kernel));
    found.push(...leftovers("tailnet", wishes, tailnet.kernel));
    found.push(...sysctls("tailnet", settings, tailnet));
  }
  found.push(...sysctls("node", settings, node));
  found.push(...foreign(configured, node));
  return found;
}

function brokenNode(settings: NamespaceGuard, observation: GuardObservation): readonly BrokenInvariant[] {
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
function wishesWithoutTailnet(settings: NamespaceGuard, snapshot: KernelSnapshot): readonly KernelWish[] {
  if (findLink(snapshot, tailnetLink.node) === undefined) return nodeWishes(settings, false);
  return nodeWishes(settings, true).filter(({ invariant }) => invariant !== "node.link");
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
