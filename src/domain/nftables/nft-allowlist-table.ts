import { parsePrefix } from "../addresses/prefix.ts";
import { addressIn, addressNotIn, elementOf, metaIs, refused } from "./nft-statements.ts";
import type { NftRule, NftSet, NftTable } from "./nft-table.ts";

/** Not part of the guard's table in the tailnet namespace: headcni-wire keeps it, with and without a daemon. */
export const allowlistTableName = "headcni_allowlist";

export interface AllowlistSettings {
  /** The cluster's pod CIDRs. */
  readonly supernets: readonly string[];
  /** tailscaled's interface. */
  readonly tunnel: string;
}

/**
 * Of the pods' supernets only what is believed of the tailnet sends into the tailnet namespace from the tunnel or is sent to by it.
 * Established flows are judged, too, so that what leaves the sets is cut at once. Packets of this node's own prefix cross no rule here:
 * towards pods they leave by the veth, and from the tunnel nobody may have them.
 */
export function allowlistTable(settings: AllowlistSettings, believed: readonly string[]): NftTable {
  const families = allowlistFamilies(settings);
  return {
    name: allowlistTableName,
    sets: families.map((family) => addressSet("believed", family, believed)),
    chains: [
      {
        name: "forward",
        // Before the guard's own chain, which ends at its first accept.
        ...{ type: "filter", hook: "forward", priority: -10, policy: "accept" },
        rules: families.flatMap((family) => [
          notBelieved(settings, family, "saddr"),
          notBelieved(settings, family, "daddr"),
        ]),
      },
    ],
  };
}

export function allowlistFamilies({ supernets }: AllowlistSettings): readonly (4 | 6)[] {
  return ([4, 6] as const).filter((family) => supernetsOf(supernets, family).length > 0);
}

export function supernetsOf(supernets: readonly string[], family: 4 | 6): readonly string[] {
  return supernets.filter((text) => parsePrefix(text).family === family);
}

/** What of the texts is of the family. */
export function addressSet(name: string, family: 4 | 6, texts: readonly string[]): NftSet {
  return {
    name: `${name}${family}`,
    type: family === 4 ? "ipv4_addr" : "ipv6_addr",
    elements: texts.filter((text) => text.includes(":") === (family === 6)).map(elementOf),
  };
}

/** Sent by (`saddr`) or to (`daddr`) what is not believed, across the tunnel. */
export function notBelieved(
  { supernets, tunnel }: AllowlistSettings,
  family: 4 | 6,
  end: "saddr" | "daddr",
): NftRule {
  return {
    name: `not-believed-${end}-${family}`,
    statements: [
      metaIs(end === "saddr" ? "iifname" : "oifname", tunnel),
      addressIn(family, end, supernetsOf(supernets, family)),
      addressNotIn(family, end, [`@believed${family}`]),
      ...refused,
    ],
  };
}
