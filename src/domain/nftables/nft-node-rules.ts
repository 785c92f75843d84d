import type { FamilySettings, GuardSettings } from "../guard/guard-settings.ts";
import { attachmentLinkGroup, leavingLinkGroup } from "../kernel/kernel-constants.ts";
import {
  accept,
  addressIn,
  addressNotIn,
  belongsToKnownFlow,
  belongsToNoFlow,
  fieldIs,
  isFromOpener,
  keepsItsSource,
  masquerade,
  metaIs,
  metaIsNot,
  type NftStatement,
  refused,
  sourceIsElsewhere,
  wasTranslated,
} from "./nft-statements.ts";
import type { NftRule } from "./nft-table.ts";

export const podGroups = [attachmentLinkGroup, leavingLinkGroup];

/** Leaves neither to the tailnet, by `link`, nor to a pod, and not to the node itself. */
export function onUnderlay(link: string): readonly NftStatement[] {
  return [metaIsNot("oifname", [link, "lo"]), metaIsNot("oifgroup", podGroups)];
}

/** Came in neither by `link` nor from a pod, nor from the node itself: by its LAN, a bridge of containers, another VPN. */
function fromUnderlay(link: string, ...except: readonly string[]): readonly NftStatement[] {
  return [metaIsNot("iifname", [link, "lo", ...except]), metaIsNot("iifgroup", podGroups)];
}

/**
 * A pod sends from what routing has on its link, and is no router. Both families, also where pods have one: its link
 * takes what a pod makes up. Link-local addresses are on every link and never forwarded (RFC 4291, section 2.5.6).
 */
export const podSources: readonly NftRule[] = [
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

/** Pods' addresses come from the tailnet, from pods and from the node itself, whatever conntrack knows of the flow. */
export function spoofed(link: string, { family, supernets }: FamilySettings): NftRule {
  return {
    name: `spoofed-source-${family}`,
    statements: [...fromUnderlay(link), addressIn(family, "saddr", supernets), ...refused],
  };
}

/** Another node that uses our pods' addresses. */
export function duplicate(link: string, { family, ownPrefixes }: FamilySettings): NftRule {
  return {
    name: `duplicate-source-${family}`,
    statements: [metaIs("iifname", link), addressIn(family, "saddr", ownPrefixes), ...refused],
  };
}

/** Before kube-proxy translates them: afterwards they look like the node ports that anybody may use. */
export function servicesFromUnderlay(
  link: string,
  { allowFromUnderlay }: GuardSettings,
  { family, services, allowedSources }: FamilySettings,
): readonly NftRule[] {
  if (services.length === 0) return [];
  const others = allowedSources.length === 0 ? [] : [addressNotIn(family, "saddr", allowedSources)];
  return [
    {
      name: `service-from-underlay-${family}`,
      statements: [
        ...fromUnderlay(link, ...allowFromUnderlay.links),
        ...others,
        addressIn(family, "daddr", services),
        ...refused,
      ],
    },
  ];
}

/** Flows that were judged at their first packet. */
export const knownFlow: NftRule = { name: "known-flow", statements: [belongsToKnownFlow, accept] };
/** What kube-proxy and portmap translate. */
export const translated: NftRule = { name: "translated", statements: [wasTranslated, accept] };

/**
 * What of the underlay reaches pods and the tailnet, besides known and translated flows. An allowlist: packets that
 * conntrack makes nothing of are no new flow and fall under it.
 */
export function underlayEntry(
  link: string,
  { allowFromUnderlay: { links } }: GuardSettings,
  families: readonly FamilySettings[],
): readonly NftRule[] {
  const allowed = families.filter(({ allowedSources }) => allowedSources.length > 0);
  return [
    { name: "from-node", statements: [metaIs("iifname", [link, "lo", ...links]), accept] },
    { name: "from-pods", statements: [metaIs("iifgroup", podGroups), accept] },
    ...allowed.map(({ family, allowedSources }) => ({
      name: `allowed-source-${family}`,
      statements: [addressIn(family, "saddr", allowedSources), accept],
    })),
    { name: "underlay-to-tailnet", statements: [metaIs("oifname", link), ...refused] },
    { name: "underlay-to-pods", statements: [metaIs("oifgroup", podGroups), ...refused] },
  ];
}

/** A packet for the supernet leaves to the tailnet or to a pod, never unencrypted. */
export function inClear(link: string, { family, supernets }: FamilySettings): NftRule {
  return {
    name: `in-clear-${family}`,
    statements: [addressIn(family, "daddr", supernets), ...onUnderlay(link), ...refused],
  };
}

/**
 * A flow that a pod opened while our table was gone is translated no more: NAT looks at the first packet alone. Answers of pods
 * to others' flows have their pod's address rightly.
 */
export function keptSource(
  leaving: readonly NftStatement[],
  { family, ownPrefixes }: FamilySettings,
): NftRule {
  return {
    name: `kept-source-${family}`,
    statements: [
      addressIn(family, "saddr", ownPrefixes),
      ...leaving,
      isFromOpener,
      keepsItsSource,
      ...refused,
    ],
  };
}

/** `pods-masquerade` never sees these, so they would leave with the pod's address. `leaving`: by which ways. */
export function untranslated(
  leaving: readonly NftStatement[],
  { family, ownPrefixes }: FamilySettings,
): NftRule {
  return {
    name: `untranslated-${family}`,
    statements: [addressIn(family, "saddr", ownPrefixes), ...leaving, belongsToNoFlow, ...refused],
  };
}

/** A Service's address that kube-proxy has no rule for, or not yet. Behind its own refusals, which are answers. */
export function servicesInClear(
  leaving: readonly NftStatement[],
  { family, services }: FamilySettings,
): readonly NftRule[] {
  if (services.length === 0) return [];
  return [
    {
      name: `service-in-clear-${family}`,
      statements: [addressIn(family, "daddr", services), ...leaving, ...refused],
    },
  ];
}

/** What of theirs leaves here is for outside the cluster: `barrier` stands before. */
export function leavingPods(
  leaving: readonly NftStatement[],
  { family, ownPrefixes }: FamilySettings,
): NftRule {
  return {
    name: `pods-masquerade-${family}`,
    statements: [addressIn(family, "saddr", ownPrefixes), ...leaving, masquerade],
  };
}
