import type { HostGuard } from "../guard/guard-settings.ts";
import {
  addressSet,
  allowlistFamilies,
  allowlistTableName,
  notBelieved,
  supernetsOf,
} from "../nftables/nft-allowlist-table.ts";
import { knownFlow, translated } from "../nftables/nft-node-rules.ts";
import { addressIn, addressNotIn, metaIs, refused } from "../nftables/nft-statements.ts";
import type { NftRule, NftTable } from "../nftables/nft-table.ts";
import { type Believed, nobodyBelieved } from "../tailnet/believed-prefixes.ts";
import { podsToMembers } from "./pods-to-members.ts";

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
          ...podsToMembers(carrier, families, "nodes"),
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
