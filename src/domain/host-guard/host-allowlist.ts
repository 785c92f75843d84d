import { type Believed, nobodyBelieved } from "../believed-prefixes.ts";
import type { HostGuard } from "../guard-settings.ts";
import { magicDnsAddress, tailnetRange } from "../kernel-constants.ts";
import {
  addressSet,
  allowlistFamilies,
  allowlistTableName,
  notBelieved,
  supernetsOf,
} from "../nft-allowlist-table.ts";
import { knownFlow, podGroups, translated } from "../nft-node-rules.ts";
import { accept, addressIn, addressNotIn, fieldIs, metaIs, refused } from "../nft-statements.ts";
import type { NftRule, NftTable } from "../nft-table.ts";
import { hostPrefix } from "../prefix.ts";

/**
 * The allowlist beside the node's own tailscaled. The node itself sends and receives there, too, so it stands where all packets pass.
 * Besides, pods and members of the tailnet that are no Nodes have nothing to do with each other: pods reach Nodes' addresses and the
 * resolver, Nodes reach pods by node ports, and what kube-proxy leads to a member is the operator's word.
 * In another tailnet nobody is believed: its members are others, whatever their addresses and IDs.
 */
export function hostAllowlist(
  { supernets, carrier }: Pick<HostGuard, "supernets" | "carrier">,
  believed: Believed,
): NftTable {
  const { prefixes, nodes } = carrier.elsewhere ? nobodyBelieved : believed;
  const tunnel = carrier.tunnel.name;
  const settings = { supernets, tunnel };
  const families = allowlistFamilies(settings);
  return {
    name: allowlistTableName,
    sets: families.flatMap((family) => [
      addressSet("believed", family, prefixes),
      addressSet("nodes", family, nodes),
    ]),
    chains: [
      {
        name: "arriving",
        ...{ type: "filter", hook: "prerouting", priority: -300, policy: "accept" },
        rules: families.map((family) => notBelieved(settings, family, "saddr")),
      },
      {
        name: "members",
        ...{ type: "filter", hook: "forward", priority: -160, policy: "accept" },
        rules: [
          knownFlow,
          ...families.map((family) => membersToPods(tunnel, family, supernetsOf(supernets, family))),
          translated,
          ...(carrier.magicDns ? families.flatMap(podsToResolver) : []),
          ...families.map((family) => podsToMembers(tunnel, family)),
        ],
      },
      {
        name: "leaving",
        ...{ type: "filter", hook: "postrouting", priority: -160, policy: "accept" },
        rules: families.map((family) => notBelieved(settings, family, "daddr")),
      },
    ],
  };
}

/** Also by node ports. */
function membersToPods(tunnel: string, family: 4 | 6, supernets: readonly string[]): NftRule {
  return {
    name: `members-to-pods-${family}`,
    statements: [
      metaIs("iifname", tunnel),
      addressNotIn(family, "saddr", supernets),
      addressNotIn(family, "saddr", [`@nodes${family}`]),
      addressIn(family, "daddr", supernets),
      ...refused,
    ],
  };
}

function podsToResolver(family: 4 | 6): readonly NftRule[] {
  return ["udp", "tcp"].map((protocol) => ({
    name: `pods-to-resolver-${protocol}-${family}`,
    statements: [
      addressIn(family, "daddr", [hostPrefix(magicDnsAddress[family])]),
      fieldIs(protocol, "dport", 53),
      accept,
    ],
  }));
}

function podsToMembers(tunnel: string, family: 4 | 6): NftRule {
  return {
    name: `pods-to-members-${family}`,
    statements: [
      metaIs("iifgroup", podGroups),
      metaIs("oifname", tunnel),
      addressIn(family, "daddr", [tailnetRange[family]]),
      addressNotIn(family, "daddr", [`@nodes${family}`]),
      ...refused,
    ],
  };
}
