import {
  accept,
  addressIn,
  hasMark,
  masquerade,
  metaIs,
  metaIsNot,
  type NftStatement,
} from "../../../src/domain/nftables/nft-statements.ts";
import type { NftTable } from "../../../src/domain/nftables/nft-table.ts";

/** How the owner of a node has tailscaled treat its firewall: `--netfilter-mode` and `--snat-subnet-routes`. */
export interface OwnerFirewall {
  readonly mode: "on" | "nodivert" | "off";
  readonly snat: boolean;
}

export const ownerFirewalls: readonly OwnerFirewall[] = [
  { mode: "on", snat: true },
  { mode: "on", snat: false },
  // Its chains are filled, and nothing leads to them.
  { mode: "nodivert", snat: true },
  { mode: "off", snat: false },
];

const mark: NftStatement = { meta: { key: "mark" } };
const setSubnetRouteMark: NftStatement = {
  mangle: { key: mark, value: { "|": [{ "&": [mark, 0xff00ffff] }, 0x40000] } },
};
const isSubnetRoute = hasMark({ mark: 0x40000, mask: 0xff0000 });
const fromCgnat = addressIn(4, "saddr", ["100.64.0.0/10"]);

/**
 * The chains of tailscaled 1.102.3, where it jumps to them from: util/linuxfw/iptables_runner.go (addBase4, addBase6, AddSNATRule,
 * buildExternalCGNATRules; AddLoopbackRule) and the same in nftables_runner.go. What AddConnmarkSaveRule restores of a flow's mark it saves
 * for what the node itself sends alone, so nothing that is forwarded has any.
 */
export function ownerTables({ mode, snat }: OwnerFirewall): readonly NftTable[] {
  if (mode !== "on") return [];
  const tunnel = "tailscale0";
  const base = { type: "filter", priority: 0, policy: "accept" } as const;
  return [
    {
      name: "tailscaled",
      chains: [
        {
          ...{ name: "INPUT", ...base, hook: "input" },
          rules: [
            {
              name: "loopback",
              statements: [metaIs("iifname", "lo"), addressIn(4, "saddr", ["100.64.0.1/32"]), accept],
            },
            { name: "from-tailnet", statements: [metaIs("iifname", tunnel), accept] },
            { name: "cgnat", statements: [metaIsNot("iifname", tunnel), fromCgnat, { drop: null }] },
          ],
        },
        {
          ...{ name: "FORWARD", ...base, hook: "forward" },
          rules: [
            { name: "mark", statements: [metaIs("iifname", tunnel), setSubnetRouteMark] },
            { name: "marked", statements: [isSubnetRoute, accept] },
            { name: "cgnat-out", statements: [metaIs("oifname", tunnel), fromCgnat, { drop: null }] },
            { name: "to-tailnet", statements: [metaIs("oifname", tunnel), accept] },
          ],
        },
        {
          ...{ name: "POSTROUTING", type: "nat", hook: "postrouting", priority: 100, policy: "accept" },
          rules: snat ? [{ name: "masquerade", statements: [isSubnetRoute, masquerade] }] : [],
        },
      ],
    },
  ];
}
