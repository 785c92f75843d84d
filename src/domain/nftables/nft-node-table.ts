import { hostPrefix } from "../addresses/prefix.ts";
import {
  type FamilySettings,
  familySettings,
  type NamespaceGuard,
  type UnderlayEnds,
  underlayEnds,
} from "../guard/guard-settings.ts";
import { tailnetLink } from "../kernel/kernel-constants.ts";
import {
  duplicate,
  inClear,
  keptSource,
  knownFlow,
  leavingPods,
  onUnderlay,
  podSources,
  servicesFromUnderlay,
  servicesInClear,
  spoofed,
  translated,
  underlayEntry,
  untranslated,
} from "./nft-node-rules.ts";
import {
  addressIn,
  addressNotIn,
  destinationIsLocal,
  fieldIs,
  masquerade,
  metaIs,
  metaIsNot,
  refused,
} from "./nft-statements.ts";
import type { NftRule, NftTable } from "./nft-table.ts";

export const nftTableName = "headcni";

const veth = tailnetLink.node;
const leaving = onUnderlay(veth);

/**
 * Our table in the node's namespace. Routing already keeps pod packets off the underlay; `barrier` holds that even
 * while a route or rule is missing. No TCP clamp here: whoever sends through the tailnet namespace is clamped there.
 */
export function nodeTable(settings: NamespaceGuard): NftTable {
  const families = familySettings(settings);
  const underlay = underlayEnds(settings.carrier.linkPrefixes);
  return {
    name: nftTableName,
    chains: [
      {
        name: "sources",
        ...{ type: "filter", hook: "prerouting", priority: -300, policy: "accept" },
        rules: [
          ...podSources,
          ...underlay.map(spoofedLink),
          ...families.flatMap((family) => [
            spoofed(veth, family),
            duplicate(veth, family),
            ...servicesFromUnderlay(veth, settings, family),
          ]),
        ],
      },
      {
        name: "inbound",
        ...{ type: "nat", hook: "prerouting", priority: -100, policy: "accept" },
        rules: underlay.map((ends) => underlayPort(settings, ends)),
      },
      {
        name: "forward",
        ...{ type: "filter", hook: "forward", priority: -150, policy: "accept" },
        rules: [
          ...families.map(tailnetLoop),
          ...(settings.masquerade ? families.map((family) => keptSource(leaving, family)) : []),
          knownFlow,
          translated,
          ...families.map(tailnetExit),
          ...(settings.masquerade ? families.map((family) => untranslated(leaving, family)) : []),
          ...underlayEntry(veth, settings, families),
        ],
      },
      {
        name: "barrier",
        ...{ type: "filter", hook: "postrouting", priority: -150, policy: "accept" },
        rules: families.flatMap((family) => [inClear(veth, family), ...servicesInClear(leaving, family)]),
      },
      {
        name: "outbound",
        ...{ type: "nat", hook: "postrouting", priority: 100, policy: "accept" },
        rules: [
          ...underlay.map(underlayMasquerade),
          ...(settings.masquerade ? families.map((family) => leavingPods(leaving, family)) : []),
        ],
      },
    ],
  };
}

/** The tailnet namespace's own addresses come in by the veth: `underlay-masquerade` would lend the node's to whoever uses it. */
function spoofedLink({ family, tailnet }: UnderlayEnds): NftRule {
  return {
    name: `spoofed-link-${family}`,
    statements: [
      metaIsNot("iifname", [veth, "lo"]),
      addressIn(family, "saddr", [hostPrefix(tailnet)]),
      ...refused,
    ],
  };
}

/** Peers reach tailscaled at the node's own addresses. */
function underlayPort({ carrier }: NamespaceGuard, { family, tailnet }: UnderlayEnds): NftRule {
  return {
    name: `underlay-port-${family}`,
    statements: [
      metaIsNot("iifname", veth),
      destinationIsLocal,
      fieldIs("udp", "dport", carrier.underlayPort),
      { dnat: { family: family === 4 ? "ip" : "ip6", addr: tailnet, port: carrier.underlayPort } },
    ],
  };
}

/**
 * What the tailnet namespace hands over is for our pods; the rest of the supernet would go straight back, in a loop.
 */
function tailnetLoop({ family, ownPrefixes, supernets }: FamilySettings): NftRule {
  return {
    name: `tailnet-loop-${family}`,
    statements: [
      metaIs("iifname", veth),
      addressIn(family, "daddr", supernets),
      addressNotIn(family, "daddr", ownPrefixes),
      ...refused,
    ],
  };
}

/**
 * What the tailnet namespace hands over is for our pods: the node is no way from the tailnet to its LAN. Answers were let through before.
 */
function tailnetExit({ family, supernets }: FamilySettings): NftRule {
  return {
    name: `tailnet-exit-${family}`,
    statements: [metaIs("iifname", veth), addressIn(family, "saddr", supernets), ...leaving, ...refused],
  };
}

/**
 * tailscaled's own packets take the node's address on the underlay, and keep their port where it is free (net/netfilter/nf_nat_core.c,
 * get_unique_tuple): what STUN tells tailscaled is where `underlay-port` waits.
 */
function underlayMasquerade({ family, tailnet }: UnderlayEnds): NftRule {
  return {
    name: `underlay-masquerade-${family}`,
    statements: [addressIn(family, "saddr", [hostPrefix(tailnet)]), ...leaving, masquerade],
  };
}
