import { type FamilySettings, familySettings, type NamespaceGuard } from "../guard/guard-settings.ts";
import { tailnetLink } from "../kernel/kernel-constants.ts";
import { nftTableName } from "./nft-node-table.ts";
import {
  accept,
  addressIn,
  addressNotIn,
  belongsToKnownFlow,
  belongsToNoFlow,
  clampSegment,
  isTcpSyn,
  lacksChecksum,
  metaIs,
  refused,
  writeZeroChecksum,
} from "./nft-statements.ts";
import type { NftRule, NftTable } from "./nft-table.ts";

const veth = tailnetLink.tailnet;

/**
 * Our table in the tailnet namespace, where tailscaled runs with its own netfilter off. Through it pass: packets for the
 * supernet into the tailnet, packets from the supernet for our pods out of it, and answers. A sender outside the supernet (a laptop in the
 * tailnet) is refused: our pods' answers to it would leave the node unencrypted.
 */
export function tailnetTable(settings: NamespaceGuard): NftTable {
  const families = familySettings(settings);
  const { tunnel } = settings.carrier;
  return {
    name: nftTableName,
    chains: [
      {
        name: "forward",
        ...{ type: "filter", hook: "forward", priority: 0, policy: "drop" },
        rules: [
          ...(families.some(({ family }) => family === 6) ? [zeroChecksum] : []),
          ...families.map((family) => clamp(family, tunnel.mtu)),
          ...families.flatMap((family) => [
            duplicate(family, tunnel.name),
            untranslated(family, tunnel.name),
            outward(family, tunnel.name),
            inward(family, tunnel.name),
          ]),
          answers(tunnel.name),
        ],
      },
      {
        name: "barrier",
        ...{ type: "filter", hook: "postrouting", priority: -150, policy: "accept" },
        rules: families.map(backToNode),
      },
      {
        name: "outbound",
        ...{ type: "nat", hook: "postrouting", priority: 100, policy: "accept" },
        rules: families.map((family) => asRouter(family, tunnel.name)),
      },
    ],
  };
}

/**
 * tailscaled computes what pods leave to their link, and sends a checksum that comes out as 0 as 0 (wireguard-go, tun/offload.go, GSOSplit),
 * with which IPv6 refuses a datagram (RFC 8200, section 8.1): one of 65,536 would be lost, however often it is repeated.
 */
const zeroChecksum: NftRule = {
  name: "zero-checksum-6",
  statements: [metaIs("nfproto", "ipv6"), lacksChecksum, writeZeroChecksum],
};

/** All that the tailnet namespace forwards crosses the tunnel on one side, so its MTU bounds both directions. */
function clamp({ family }: FamilySettings, mtu: number): NftRule {
  const headers = family === 4 ? 40 : 60;
  return {
    name: `segment-size-${family}`,
    statements: [metaIs("nfproto", family === 4 ? "ipv4" : "ipv6"), isTcpSyn, clampSegment(mtu - headers)],
  };
}

/** Another node that uses our pods' addresses. */
function duplicate({ family, ownPrefixes }: FamilySettings, tunnel: string): NftRule {
  return {
    name: `duplicate-source-${family}`,
    statements: [metaIs("iifname", tunnel), addressIn(family, "saddr", ownPrefixes), ...refused],
  };
}

/** `router-source` never sees these, so they would take an address of the LAN into the tailnet. */
function untranslated({ family, ownPrefixes }: FamilySettings, tunnel: string): NftRule {
  return {
    name: `untranslated-${family}`,
    statements: [
      metaIs("oifname", tunnel),
      addressNotIn(family, "saddr", ownPrefixes),
      belongsToNoFlow,
      ...refused,
    ],
  };
}

function outward({ family, supernets }: FamilySettings, tunnel: string): NftRule {
  return {
    name: `outward-${family}`,
    statements: [
      metaIs("iifname", veth),
      metaIs("oifname", tunnel),
      addressIn(family, "daddr", supernets),
      accept,
    ],
  };
}

function inward({ family, ownPrefixes, supernets }: FamilySettings, tunnel: string): NftRule {
  return {
    name: `inward-${family}`,
    statements: [
      metaIs("iifname", tunnel),
      metaIs("oifname", veth),
      addressIn(family, "saddr", supernets),
      addressIn(family, "daddr", ownPrefixes),
      accept,
    ],
  };
}

/** Answers to what took the router address on its way out, and ICMP errors sent by a peer's own address. */
function answers(tunnel: string): NftRule {
  return {
    name: "answers",
    statements: [metaIs("iifname", tunnel), metaIs("oifname", veth), belongsToKnownFlow, accept],
  };
}

/** Packets for other nodes' pods never go back to the node. */
function backToNode({ family, ownPrefixes, supernets }: FamilySettings): NftRule {
  return {
    name: `back-to-node-${family}`,
    statements: [
      metaIs("oifname", veth),
      addressIn(family, "daddr", supernets),
      addressNotIn(family, "daddr", ownPrefixes),
      ...refused,
    ],
  };
}

/** Peers route answers by pod CIDR alone, so every other source becomes the router address. */
export function asRouter(
  { family, ownPrefixes, supernets, router }: FamilySettings,
  tunnel: string,
): NftRule {
  return {
    name: `router-source-${family}`,
    statements: [
      metaIs("oifname", tunnel),
      addressIn(family, "daddr", supernets),
      addressNotIn(family, "saddr", ownPrefixes),
      { snat: { family: family === 4 ? "ip" : "ip6", addr: router } },
    ],
  };
}
