import fc from "fast-check";
import type { FilterLink, FilterPacket } from "../../support/kernel/filter-packet.ts";
import type { Place, Places } from "./firewall-nodes.ts";
import { nodeLinks } from "./firewall-words.ts";

/** X forwards for all of them: none is its own. */
export function seenInX(places: Places): Places {
  const strangers = (of: readonly Place[]) => of.map(({ address }) => ({ address }));
  return { 4: strangers(places[4]), 6: strangers(places[6]) };
}

/** What kind of packet it is, addresses and links apart. */
export type PacketKind = Omit<
  FilterPacket,
  "family" | "input" | "output" | "source" | "destination" | "toSelf" | "sourceLink"
>;
const commonKinds: readonly PacketKind[] = [
  { protocol: "udp", destinationPort: 5353, state: "new" },
  { protocol: "udp", destinationPort: 41642, state: "new" },
  { protocol: "udp", destinationPort: 30080, state: "new" },
  { protocol: "udp", destinationPort: 30081, state: "new" },
  { protocol: "udp", destinationPort: 30082, state: "new" },
  { protocol: "udp", destinationPort: 5353, state: "established" },
  { protocol: "udp", destinationPort: 5353, state: "established", udpChecksum: 0 },
  { protocol: "udp", destinationPort: 5353, state: "untracked" },
  { protocol: "udp", destinationPort: 5353, state: "established", later: "translated" },
  { protocol: "udp", destinationPort: 5353, state: "established", later: "untranslated" },
  // Nobody answers.
  { protocol: "udp", destinationPort: 5353, state: "new", later: "untranslated" },
  { protocol: "tcp", destinationPort: 41642, flags: ["syn"], segmentSize: 1460, state: "new" },
  { protocol: "tcp", destinationPort: 80, flags: ["syn"], segmentSize: 900, state: "new" },
  { protocol: "tcp", destinationPort: 80, flags: ["syn", "ack"], segmentSize: 1460, state: "established" },
  { protocol: "tcp", destinationPort: 80, flags: ["ack"], segmentSize: 1460, state: "established" },
  { protocol: "tcp", destinationPort: 80, flags: ["rst"], state: "invalid" },
  { protocol: "icmp", icmpType: "echo-request", state: "new" },
  { protocol: "icmp", icmpType: "destination-unreachable", state: "related" },
];
/** Conntrack takes a redirect about no flow for invalid, and leaves neighbour discovery alone (nf_conntrack_proto_icmpv6.c). */
const packetKinds: Readonly<Record<4 | 6, readonly PacketKind[]>> = {
  4: [...commonKinds, { protocol: "icmp", icmpType: "redirect", state: "invalid" }],
  6: [
    ...commonKinds,
    { protocol: "icmp", icmpType: "nd-redirect", state: "invalid" },
    { protocol: "icmp", icmpType: "nd-router-advert", state: "untracked" },
  ],
};

/** What pods say on their own link, to whom it concerns there: DHCP, duplicate address detection, neighbours. */
const onPodLink: readonly FilterPacket[] = (
  [
    [4, "0.0.0.0", "255.255.255.255", { protocol: "udp", destinationPort: 67, state: "new" }],
    [6, "::", "ff02::1:ff00:5", { protocol: "icmp", icmpType: "nd-neighbor-solicit", state: "untracked" }],
    [6, "fe80::5", "fd00:1::1", { protocol: "icmp", icmpType: "nd-neighbor-advert", state: "untracked" }],
  ] as const
).map(([family, source, destination, kind]) =>
  packet(family, { address: source }, { address: destination, self: true }, nodeLinks.pod, undefined, kind),
);

export interface PacketWorld {
  readonly links: readonly FilterLink[];
  readonly places: Places;
  /** Kinds of packets besides the common ones. */
  readonly kinds?: readonly PacketKind[];
}

/** Every combination of links, addresses and kinds, those without a way (neither in nor out) left away. */
export function everyPacket(world: PacketWorld): readonly FilterPacket[] {
  return [...onLink(world), ...combinations(world)];
}

function onLink({ links }: PacketWorld): readonly FilterPacket[] {
  return onPodLink.filter(({ input }) => links.some((link) => link === input));
}

function combinations({ links, places, kinds = [] }: PacketWorld): readonly FilterPacket[] {
  const ways = pairs([undefined, ...links]).slice(1);
  return ([4, 6] as const).flatMap((family) =>
    pairs(places[family]).flatMap(([source, destination]) =>
      ways.flatMap(([input, output]) =>
        [...packetKinds[family], ...kinds].map((kind) =>
          packet(family, source, destination, input, output, kind),
        ),
      ),
    ),
  );
}

function pairs<T>(list: readonly T[]): readonly (readonly [T, T])[] {
  return list.flatMap((one) => list.map((other) => [one, other] as const));
}

/** The same, with other addresses of the same prefixes mixed in. */
export function anyPacket(world: PacketWorld): fc.Arbitrary<FilterPacket> {
  const { links, places, kinds = [] } = world;
  const link = fc.constantFrom(undefined, ...links);
  const combined = fc
    .constantFrom(4 as const, 6 as const)
    .chain((family) =>
      fc.tuple(
        fc.constant(family),
        fc.constantFrom(...places[family]).chain((place) => nearby(family, place, places[family])),
        fc.constantFrom(...places[family]).chain((place) => nearby(family, place, places[family])),
        link,
        link,
        fc.constantFrom(...packetKinds[family], ...kinds),
      ),
    )
    .filter(([, , , input, output]) => input !== undefined || output !== undefined)
    .map(([family, source, destination, input, output, kind]) =>
      packet(family, source, destination, input, output, kind),
    );
  return fc.oneof({ weight: 50, arbitrary: combined }, ...onLink(world).map((only) => fc.constant(only)));
}

function packet(
  family: 4 | 6,
  source: Place,
  destination: Place,
  input: FilterLink | undefined,
  output: FilterLink | undefined,
  kind: PacketKind,
): FilterPacket {
  const toSelf = destination.self === true;
  return {
    ...{ family, source: source.address, destination: destination.address, toSelf, ...kind },
    ...(source.link === undefined ? {} : { sourceLink: source.link }),
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
  };
}

/** The place itself, or any neighbour in its last byte, down to the first and last of the prefix. */
function nearby(family: 4 | 6, place: Place, places: readonly Place[]): fc.Arbitrary<Place> {
  const base = place.address.slice(0, place.address.lastIndexOf(family === 4 ? "." : ":") + 1);
  const other = fc.integer({ min: 0, max: 255 }).map((last) => {
    const text = family === 4 ? String(last) : last.toString(16);
    const address = last === 0 && base.endsWith("::") ? base : `${base}${text}`;
    return places.find((known) => known.address === address) ?? { address };
  });
  return place.self === true ? fc.constant(place) : fc.oneof(fc.constant(place), other);
}
