import fc from "fast-check";
import type { GuardSettings } from "../../src/domain/guard-settings.ts";
import { destinationIsLocal, fieldIs } from "../../src/domain/nft-statements.ts";
import type { NftRule, NftTable } from "../../src/domain/nft-table.ts";
import type { FilterLink, FilterPacket } from "../support/packet-filter.ts";
import type { SentenceTerms } from "./firewall-sentences.ts";

/** What the sentences of a table speak about: one address of each kind, and a prefix that has more of the kind. */
interface Place {
  readonly address: string;
  /** The namespace's own. */
  readonly self?: true;
}

export const nodePlaces: Readonly<Record<4 | 6, readonly Place[]>> = {
  4: [
    { address: "10.244.1.5" },
    { address: "10.244.1.1", self: true },
    { address: "10.244.9.7" },
    { address: "10.244.9.1", self: true },
    { address: "10.244.2.5" },
    { address: "10.244.3.9" },
    { address: "100.64.0.9" },
    { address: "10.77.0.2", self: true },
    { address: "192.0.2.7" },
    { address: "198.18.0.2" },
  ],
  6: [
    { address: "fd00:1::5" },
    { address: "fd00:1::1", self: true },
    { address: "fd00:2::5" },
    { address: "fd00:3::9" },
    { address: "fd7a:115c:a1e0::9" },
    { address: "fd77::2", self: true },
    { address: "2001:db8::7" },
  ],
};

/** X forwards for all of them: none is its own. */
export const tailnetPlaces: typeof nodePlaces = { 4: strangers(nodePlaces[4]), 6: strangers(nodePlaces[6]) };

function strangers(places: readonly Place[]): readonly Place[] {
  return places.map(({ address }) => ({ address }));
}

/** What kind of packet it is, addresses and links apart. */
const packetKinds: readonly Pick<
  FilterPacket,
  "protocol" | "destinationPort" | "flags" | "segmentSize" | "icmpType" | "state"
>[] = [
  { protocol: "udp", destinationPort: 5353, state: "new" },
  { protocol: "udp", destinationPort: 41642, state: "new" },
  { protocol: "udp", destinationPort: 30080, state: "new" },
  { protocol: "udp", destinationPort: 30081, state: "new" },
  { protocol: "udp", destinationPort: 30082, state: "new" },
  { protocol: "udp", destinationPort: 5353, state: "established" },
  { protocol: "udp", destinationPort: 5353, state: "untracked" },
  { protocol: "tcp", destinationPort: 41642, flags: ["syn"], segmentSize: 1460, state: "new" },
  { protocol: "tcp", destinationPort: 80, flags: ["syn"], segmentSize: 900, state: "new" },
  { protocol: "tcp", destinationPort: 80, flags: ["syn", "ack"], segmentSize: 1460, state: "established" },
  { protocol: "tcp", destinationPort: 80, flags: ["ack"], segmentSize: 1460, state: "established" },
  { protocol: "tcp", destinationPort: 80, flags: ["rst"], state: "invalid" },
  { protocol: "icmp", icmpType: "echo-request", state: "new" },
  { protocol: "icmp", icmpType: "destination-unreachable", state: "related" },
];

export interface PacketWorld {
  readonly links: readonly FilterLink[];
  readonly places: Readonly<Record<4 | 6, readonly Place[]>>;
}

/** Every combination of links, addresses and kinds, those without a way (neither in nor out) left away. */
export function everyPacket({ links, places }: PacketWorld): readonly FilterPacket[] {
  const ways = pairs([undefined, ...links]).slice(1);
  return ([4, 6] as const).flatMap((family) =>
    pairs(places[family]).flatMap(([source, destination]) =>
      ways.flatMap(([input, output]) =>
        packetKinds.map((kind) => packet(family, source.address, destination, input, output, kind)),
      ),
    ),
  );
}

function pairs<T>(list: readonly T[]): readonly (readonly [T, T])[] {
  return list.flatMap((one) => list.map((other) => [one, other] as const));
}

/** The same, with other addresses of the same prefixes mixed in. */
export function anyPacket({ links, places }: PacketWorld): fc.Arbitrary<FilterPacket> {
  const link = fc.constantFrom(undefined, ...links);
  return fc
    .constantFrom(4 as const, 6 as const)
    .chain((family) =>
      fc.tuple(
        fc.constant(family),
        fc.constantFrom(...places[family]).chain((place) => nearby(family, place, places[family])),
        fc.constantFrom(...places[family]).chain((place) => nearby(family, place, places[family])),
        link,
        link,
        fc.constantFrom(...packetKinds),
      ),
    )
    .filter(([, , , input, output]) => input !== undefined || output !== undefined)
    .map(([family, source, destination, input, output, kind]) =>
      packet(family, source.address, destination, input, output, kind),
    );
}

function packet(
  family: 4 | 6,
  source: string,
  destination: Place,
  input: FilterLink | undefined,
  output: FilterLink | undefined,
  kind: (typeof packetKinds)[number],
): FilterPacket {
  const toSelf = destination.self === true;
  return {
    ...{ family, source, destination: destination.address, toSelf, ...kind },
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
  };
}

/** The place itself, or any neighbour in its last byte, down to the first and last of the prefix. */
function nearby(family: 4 | 6, place: Place, places: readonly Place[]): fc.Arbitrary<Place> {
  const base = place.address.slice(0, place.address.lastIndexOf(family === 4 ? "." : ":") + 1);
  const other = fc.integer({ min: 0, max: 255 }).map((last) => {
    const address = family === 4 ? `${base}${last}` : `${base}${last === 0 ? "" : last.toString(16)}`;
    return places.find((known) => known.address === address) ?? { address };
  });
  return place.self === true ? fc.constant(place) : fc.oneof(fc.constant(place), other);
}

/** What the sentences need of settings, written down by hand and not by the code that makes the rules. */
export const dualStack: { readonly settings: GuardSettings; readonly terms: SentenceTerms } = {
  settings: {
    ownPrefixes: ["10.244.1.0/24", "10.244.9.0/28", "fd00:1::/64"],
    supernets: ["10.244.0.0/16", "fd00::/24"],
    linkPrefix: "198.18.0.0/30",
    tunnel: { name: "tailscale0", mtu: 1280 },
    underlayPort: 41642,
    masquerade: true,
  },
  terms: {
    own: ["10.244.1.0/24", "10.244.9.0/28", "fd00:1::/64"],
    believed: ["10.244.2.0/24", "fd00:2::/64"],
    supernets: ["10.244.0.0/16", "fd00::/24"],
    routers: { 4: ["10.244.1.1", "10.244.9.1"], 6: ["fd00:1::1"] },
    linkAddress: "198.18.0.2",
    underlayPort: 41642,
    masquerade: true,
    segmentSize: { 4: 1240, 6: 1220 },
  },
};

/** What kube-proxy does with node ports: 30080/udp and 30082/udp lead to pods of this node, 30081/udp to another node's. */
export const nodePortTable: NftTable = {
  name: "kube",
  chains: [
    {
      name: "services",
      ...{ type: "nat", hook: "prerouting", priority: -110, policy: "accept" },
      rules: [
        nodePort(30080, "ip", "10.244.1.5"),
        nodePort(30081, "ip", "10.244.2.5"),
        nodePort(30082, "ip", "10.244.9.7"),
        nodePort(30080, "ip6", "fd00:1::5"),
        nodePort(30081, "ip6", "fd00:2::5"),
      ],
    },
  ],
};

function nodePort(port: number, family: "ip" | "ip6", addr: string): NftRule {
  return {
    name: `node-port-${port}-${family}`,
    statements: [destinationIsLocal, fieldIs("udp", "dport", port), { dnat: { family, addr, port: 5353 } }],
  };
}
