import {
  type FamilySettings,
  familySettings,
  type GuardSettings,
  type UnderlayEnds,
  underlayEnds,
} from "./guard-settings.ts";
import { attachmentLinkGroup, leavingLinkGroup, tailnetLink } from "./kernel-constants.ts";
import {
  accept,
  addressIn,
  addressNotIn,
  belongsToKnownFlow,
  belongsToNoFlow,
  destinationIsLocal,
  fieldIs,
  isFromOpener,
  keepsItsSource,
  masquerade,
  metaIs,
  metaIsNot,
  refused,
  sourceIsElsewhere,
  wasTranslated,
} from "./nft-statements.ts";
import type { NftRule, NftTable } from "./nft-table.ts";
import { hostPrefix } from "./prefix.ts";

export const nftTableName = "headcni";

const podGroups = [attachmentLinkGroup, leavingLinkGroup];
const veth = tailnetLink.node;
/** Leaves neither to X nor to a pod, and not to the node itself. */
const onUnderlay = [metaIsNot("oifname", [veth, "lo"]), metaIsNot("oifgroup", podGroups)];
/** Came in neither from X nor from a pod, nor from the node itself: by its LAN, a bridge of containers, another VPN. */
const fromUnderlay = (...except: readonly string[]) => [
  metaIsNot("iifname", [veth, "lo", ...except]),
  metaIsNot("iifgroup", podGroups),
];

/**
 * Our table in the node's namespace. Routing already keeps pod packets off the underlay; `barrier` holds that even
 * while a route or rule is missing. No TCP clamp here: whoever sends through X is clamped there.
 */
export function nodeTable(settings: GuardSettings): NftTable {
  const families = familySettings(settings);
  const underlay = underlayEnds(settings.linkPrefixes);
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
            spoofed(family),
            duplicate(family),
            ...servicesFromUnderlay(settings, family),
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
          ...(settings.masquerade ? families.map(keptSource) : []),
          { name: "known-flow", statements: [belongsToKnownFlow, accept] },
          { name: "translated", statements: [wasTranslated, accept] },
          ...families.map(tailnetExit),
          ...(settings.masquerade ? families.map(untranslated) : []),
          ...underlayEntry(settings, families),
        ],
      },
      {
        name: "barrier",
        ...{ type: "filter", hook: "postrouting", priority: -150, policy: "accept" },
        rules: families.flatMap((family) => [inClear(family), ...servicesInClear(family)]),
      },
      {
        name: "outbound",
        ...{ type: "nat", hook: "postrouting", priority: 100, policy: "accept" },
        rules: [
          ...underlay.map(underlayMasquerade),
          ...(settings.masquerade ? families.map(leavingPods) : []),
        ],
      },
    ],
  };
}

/**
 * A pod sends from what routing has on its link, and is no router. Both families, also where pods have one: its link
 * takes what a pod makes up. Link-local addresses are on every link and never forwarded (RFC 4291, section 2.5.6).
 */
const podSources: readonly NftRule[] = [
  {
    name: "pod-router-4",
    statements: [metaIs("iifgroup", podGroups), fieldIs("icmp", "type", "redirect"), ...refused],
  },
  {
    name: "pod-router-6",
    statements: [
      metaIs("iifgroup", podGroups),
      fieldIs("icmpv6", "type", ["nd-router-advert", "nd-redirect"]),
      ...refused,
    ],
  },
  {
    name: "forged-source-4",
    statements: [metaIs("iifgroup", podGroups), metaIs("nfproto", "ipv4"), sourceIsElsewhere, ...refused],
  },
  {
    name: "forged-source-6",
    statements: [
      metaIs("iifgroup", podGroups),
      addressNotIn(6, "saddr", ["fe80::/10"]),
      sourceIsElsewhere,
      ...refused,
    ],
  },
];

/** Pods' addresses come from X, from pods and from the node itself, whatever conntrack knows of the flow. */
function spoofed({ family, supernets }: FamilySettings): NftRule {
  return {
    name: `spoofed-source-${family}`,
    statements: [...fromUnderlay(), addressIn(family, "saddr", supernets), ...refused],
  };
}

/** X's own addresses come in by the veth: `underlay-masquerade` would lend the node's to whoever uses it. */
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

/** Another node that uses our pods' addresses. */
function duplicate({ family, ownPrefixes }: FamilySettings): NftRule {
  return {
    name: `duplicate-source-${family}`,
    statements: [metaIs("iifname", veth), addressIn(family, "saddr", ownPrefixes), ...refused],
  };
}

/** Before kube-proxy translates them: afterwards they look like the node ports that anybody may use. */
function servicesFromUnderlay(
  { allowFromUnderlay }: GuardSettings,
  { family, services, allowedSources }: FamilySettings,
): readonly NftRule[] {
  if (services.length === 0) return [];
  const others = allowedSources.length === 0 ? [] : [addressNotIn(family, "saddr", allowedSources)];
  return [
    {
      name: `service-from-underlay-${family}`,
      statements: [
        ...fromUnderlay(...allowFromUnderlay.links),
        ...others,
        addressIn(family, "daddr", services),
        ...refused,
      ],
    },
  ];
}

/** Peers reach tailscaled at the node's own addresses. */
function underlayPort({ underlayPort: port }: GuardSettings, { family, tailnet }: UnderlayEnds): NftRule {
  return {
    name: `underlay-port-${family}`,
    statements: [
      metaIsNot("iifname", veth),
      destinationIsLocal,
      fieldIs("udp", "dport", port),
      { dnat: { family: family === 4 ? "ip" : "ip6", addr: tailnet, port } },
    ],
  };
}

/** What X hands over is for our pods; the rest of the supernet would go straight back to X, round and round. */
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

/** What X hands over is for our pods: the node is no way from the tailnet to its LAN. Answers were let through before. */
function tailnetExit({ family, supernets }: FamilySettings): NftRule {
  return {
    name: `tailnet-exit-${family}`,
    statements: [metaIs("iifname", veth), addressIn(family, "saddr", supernets), ...onUnderlay, ...refused],
  };
}

/**
 * A flow that a pod opened while our table was gone is translated no more: NAT looks at the first packet alone. Answers of pods
 * to others' flows have their pod's address rightly.
 */
function keptSource({ family, ownPrefixes }: FamilySettings): NftRule {
  return {
    name: `kept-source-${family}`,
    statements: [
      addressIn(family, "saddr", ownPrefixes),
      ...onUnderlay,
      isFromOpener,
      keepsItsSource,
      ...refused,
    ],
  };
}

/** `pods-masquerade` never sees these, so they would leave with the pod's address. */
function untranslated({ family, ownPrefixes }: FamilySettings): NftRule {
  return {
    name: `untranslated-${family}`,
    statements: [addressIn(family, "saddr", ownPrefixes), ...onUnderlay, belongsToNoFlow, ...refused],
  };
}

/**
 * What of the underlay reaches pods and the tailnet, besides known and translated flows. An allowlist: packets that
 * conntrack makes nothing of are no new flow and fall under it.
 */
function underlayEntry(
  { allowFromUnderlay: { links } }: GuardSettings,
  families: readonly FamilySettings[],
): readonly NftRule[] {
  const allowed = families.filter(({ allowedSources }) => allowedSources.length > 0);
  return [
    { name: "from-node", statements: [metaIs("iifname", [veth, "lo", ...links]), accept] },
    { name: "from-pods", statements: [metaIs("iifgroup", podGroups), accept] },
    ...allowed.map(({ family, allowedSources }) => ({
      name: `allowed-source-${family}`,
      statements: [addressIn(family, "saddr", allowedSources), accept],
    })),
    { name: "underlay-to-tailnet", statements: [metaIs("oifname", veth), ...refused] },
    { name: "underlay-to-pods", statements: [metaIs("oifgroup", podGroups), ...refused] },
  ];
}

/** A packet for the supernet leaves to X or to a pod, never in clear. */
function inClear({ family, supernets }: FamilySettings): NftRule {
  return {
    name: `in-clear-${family}`,
    statements: [addressIn(family, "daddr", supernets), ...onUnderlay, ...refused],
  };
}

/** A Service's address that kube-proxy has no rule for, or not yet. Behind its own refusals, which are answers. */
function servicesInClear({ family, services }: FamilySettings): readonly NftRule[] {
  if (services.length === 0) return [];
  return [
    {
      name: `service-in-clear-${family}`,
      statements: [addressIn(family, "daddr", services), ...onUnderlay, ...refused],
    },
  ];
}

/**
 * tailscaled's own packets take the node's address on the underlay, and keep their port where it is free (net/netfilter/nf_nat_core.c,
 * get_unique_tuple): what STUN tells tailscaled is where `underlay-port` waits.
 */
function underlayMasquerade({ family, tailnet }: UnderlayEnds): NftRule {
  return {
    name: `underlay-masquerade-${family}`,
    statements: [addressIn(family, "saddr", [hostPrefix(tailnet)]), ...onUnderlay, masquerade],
  };
}

/** What of theirs leaves here is for outside the cluster: `barrier` stands before. */
function leavingPods({ family, ownPrefixes }: FamilySettings): NftRule {
  return {
    name: `pods-masquerade-${family}`,
    statements: [addressIn(family, "saddr", ownPrefixes), ...onUnderlay, masquerade],
  };
}
