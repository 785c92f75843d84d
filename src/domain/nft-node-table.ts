import { type FamilySettings, familySettings, type GuardSettings, linkEnds } from "./guard-settings.ts";
import { attachmentLinkGroup, leavingLinkGroup, tailnetLink } from "./kernel-constants.ts";
import {
  addressIn,
  addressNotIn,
  counted,
  destinationIsLocal,
  drop,
  fieldIs,
  masquerade,
  metaIs,
  metaIsNot,
} from "./nft-statements.ts";
import type { NftRule, NftTable } from "./nft-table.ts";

export const nftTableName = "headcni";

const podGroups = [attachmentLinkGroup, leavingLinkGroup];
const veth = tailnetLink.node;
/** Leaves neither to X nor to a pod, and not to the node itself. */
const onUnderlay = [metaIsNot("oifname", [veth, "lo"]), metaIsNot("oifgroup", podGroups)];

/**
 * Our table in the node's namespace. Routing already keeps pod packets off the underlay; `barrier` holds that even
 * while a route or rule is missing. No TCP clamp here: whoever sends through X is clamped there.
 */
export function nodeTable(settings: GuardSettings): NftTable {
  const families = familySettings(settings);
  return {
    name: nftTableName,
    chains: [
      {
        name: "sources",
        ...{ type: "filter", hook: "prerouting", priority: -300, policy: "accept" },
        rules: families.map(spoofed),
      },
      {
        name: "inbound",
        ...{ type: "nat", hook: "prerouting", priority: -100, policy: "accept" },
        rules: [underlayPort(settings)],
      },
      {
        name: "forward",
        ...{ type: "filter", hook: "forward", priority: -150, policy: "accept" },
        rules: families.map(tailnetLoop),
      },
      {
        name: "barrier",
        ...{ type: "filter", hook: "postrouting", priority: -150, policy: "accept" },
        rules: families.map(inClear),
      },
      {
        name: "outbound",
        ...{ type: "nat", hook: "postrouting", priority: 100, policy: "accept" },
        rules: [underlayMasquerade(settings), ...(settings.masquerade ? families.map(leavingPods) : [])],
      },
    ],
  };
}

/** Only a pod's link, or the node itself, may use an own pod address as source: neither the LAN nor the tailnet. */
function spoofed({ family, ownPrefixes }: FamilySettings): NftRule {
  return {
    name: `spoofed-source-${family}`,
    statements: [
      metaIsNot("iifname", "lo"),
      metaIsNot("iifgroup", podGroups),
      addressIn(family, "saddr", ownPrefixes),
      counted,
      drop,
    ],
  };
}

/** Peers reach tailscaled at the node's own addresses. */
function underlayPort(settings: GuardSettings): NftRule {
  const target = linkEnds(settings, 4).tailnet;
  return {
    name: "underlay-port",
    statements: [
      metaIsNot("iifname", veth),
      destinationIsLocal,
      fieldIs("udp", "dport", settings.underlayPort),
      { dnat: { family: "ip", addr: target, port: settings.underlayPort } },
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
      counted,
      drop,
    ],
  };
}

/** A packet for the supernet leaves to X or to a pod, never in clear. */
function inClear({ family, supernets }: FamilySettings): NftRule {
  return {
    name: `in-clear-${family}`,
    statements: [addressIn(family, "daddr", supernets), ...onUnderlay, counted, drop],
  };
}

/** tailscaled's own packets take the node's address on the underlay; X's underlay is IPv4 only. */
function underlayMasquerade(settings: GuardSettings): NftRule {
  return {
    name: "underlay-masquerade",
    statements: [addressIn(4, "saddr", [`${linkEnds(settings, 4).tailnet}/32`]), ...onUnderlay, masquerade],
  };
}

/** What of theirs leaves here is for outside the cluster: `barrier` stands before. */
function leavingPods({ family, ownPrefixes }: FamilySettings): NftRule {
  return {
    name: `pods-masquerade-${family}`,
    statements: [addressIn(family, "saddr", ownPrefixes), ...onUnderlay, masquerade],
  };
}
