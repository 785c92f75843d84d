import { addressIn, addressNotIn, elementOf, metaIs, type NftStatement, refused } from "./nft-statements.ts";
import type { NftTable } from "./nft-table.ts";
import { parsePrefix } from "./prefix.ts";

/** Not part of the guard's table in X: headcni-wire keeps it, with and without a daemon. */
export const allowlistTableName = "headcni_allowlist";

export interface AllowlistSettings {
  /** The cluster's pod CIDRs. */
  readonly supernets: readonly string[];
  /** tailscaled's interface in X. */
  readonly tunnel: string;
}

/**
 * Of the pods' supernets only what is believed of the tailnet sends into X from the tunnel or is sent to by it. Established flows are judged,
 * too, so that what leaves the sets is cut at once. Packets of this node's own prefix cross no rule here: towards pods they
 * leave by the veth, and from the tunnel nobody may have them.
 */
export function allowlistTable(
  { supernets, tunnel }: AllowlistSettings,
  believed: readonly string[],
): NftTable {
  const families = ([4, 6] as const).filter((family) => supernets.some((text) => familyOf(text) === family));
  const setOf = (family: 4 | 6) => `believed${family}`;
  const refusal = (family: 4 | 6, end: "saddr" | "daddr", link: NftStatement) => ({
    name: `not-believed-${end}-${family}`,
    statements: [
      link,
      addressIn(
        family,
        end,
        supernets.filter((text) => familyOf(text) === family),
      ),
      addressNotIn(family, end, [`@${setOf(family)}`]),
      ...refused,
    ],
  });
  return {
    name: allowlistTableName,
    sets: families.map((family) => ({
      name: setOf(family),
      type: family === 4 ? "ipv4_addr" : "ipv6_addr",
      elements: believed.filter((text) => text.includes(":") === (family === 6)).map(elementOf),
    })),
    chains: [
      {
        name: "forward",
        // Before the guard's own chain, which ends at its first accept.
        ...{ type: "filter", hook: "forward", priority: -10, policy: "accept" },
        rules: families.flatMap((family) => [
          refusal(family, "saddr", metaIs("iifname", tunnel)),
          refusal(family, "daddr", metaIs("oifname", tunnel)),
        ]),
      },
    ],
  };
}

function familyOf(prefix: string): 4 | 6 {
  return parsePrefix(prefix).family;
}
