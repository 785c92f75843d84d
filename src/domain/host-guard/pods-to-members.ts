import { hostPrefix } from "../addresses/prefix.ts";
import type { HostCarrier } from "../guard/guard-settings.ts";
import { magicDnsAddress, tailnetRange } from "../kernel/kernel-constants.ts";
import { podGroups } from "../nftables/nft-node-rules.ts";
import { accept, addressIn, addressNotIn, fieldIs, metaIs, refused } from "../nftables/nft-statements.ts";
import type { NftRule } from "../nftables/nft-table.ts";

/**
 * Pods reach no address of the tailnet but those of Nodes (sets `nodes4`, `nodes6`) where those are known, and the resolver's where the node
 * asks it. Behind rules that accept known flows and what is translated.
 */
export function podsToMembers(
  { tunnel, magicDns }: HostCarrier,
  families: readonly (4 | 6)[],
  known: "nodes" | "nobody",
): readonly NftRule[] {
  return [
    ...(magicDns ? families.flatMap(toResolver) : []),
    ...families.map((family) => ({
      name: `pods-to-members-${family}`,
      statements: [
        metaIs("iifgroup", podGroups),
        metaIs("oifname", tunnel.name),
        addressIn(family, "daddr", [tailnetRange[family]]),
        ...(known === "nodes" ? [addressNotIn(family, "daddr", [`@nodes${family}`])] : []),
        ...refused,
      ],
    })),
  ];
}

function toResolver(family: 4 | 6): readonly NftRule[] {
  return ["udp", "tcp"].map((protocol) => ({
    name: `pods-to-resolver-${protocol}-${family}`,
    statements: [
      addressIn(family, "daddr", [hostPrefix(magicDnsAddress[family])]),
      fieldIs(protocol, "dport", 53),
      accept,
    ],
  }));
}
