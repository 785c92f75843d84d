import { attachmentLinkGroup, leavingLinkGroup } from "../../../src/domain/kernel/kernel-constants.ts";
import { addressInside } from "../../support/kernel/address-bits.ts";
import type { FilterLink, FilterPacket } from "../../support/kernel/filter-packet.ts";
import type { Passage } from "../../support/kernel/packet-filter.ts";

/** What every sentence needs to know of a node, told apart by family. */
export interface CommonTerms {
  readonly own: readonly string[];
  readonly supernets: readonly string[];
  /** Prefixes of Nodes, each served by the tailnet node that its Node published. */
  readonly believed: readonly string[];
  readonly services: readonly string[];
  /** Where kube-proxy's translations lead. */
  readonly backends: readonly string[];
  /** Who on the underlay may open flows. */
  readonly allowed: { readonly prefixes: readonly string[]; readonly links: readonly string[] };
  /** One for each own prefix; the first stands for the node. */
  readonly routers: Readonly<Record<4 | 6, readonly string[]>>;
  readonly masquerade: boolean;
  /** Largest TCP segment of a family that fits the tunnel; absent where pods have no such address. */
  readonly segmentSize: Readonly<Record<4 | 6, number | undefined>>;
}

/** Around X. */
export interface SentenceTerms extends CommonTerms {
  /** X's address of a family on the veth; absent where its underlay has none. */
  readonly linkAddresses: Readonly<Record<4 | 6, string | undefined>>;
  readonly underlayPort: number;
}

/** One sentence about packets; `false` is a packet that breaks it. */
export interface Sentence<T extends CommonTerms = CommonTerms> {
  readonly says: string;
  readonly holds: (packet: FilterPacket, passage: Passage, terms: T) => boolean;
}

export const nodeLinks = {
  tailnet: { name: "headcni0", group: 0 },
  underlay: { name: "up0", group: 0 },
  pod: { name: "pod5", group: attachmentLinkGroup },
  leaving: { name: "pod6", group: leavingLinkGroup },
  /** A bridge of containers that are no pods. */
  containers: { name: "docker0", group: 0 },
  loopback: { name: "lo", group: 0 },
} as const satisfies Record<string, FilterLink>;

export const tailnetLinks = {
  node: { name: "eth0", group: 0 },
  tunnel: { name: "tailscale0", group: 0 },
} as const satisfies Record<string, FilterLink>;

export const inAny = (address: string, prefixes: readonly string[]) =>
  prefixes.some((prefix) => addressInside(address, prefix));
export const isPodLink = (link: FilterLink | undefined) => link?.group === 0x4843 || link?.group === 0x4844;
export const isUnderlay = (link: FilterLink | undefined) =>
  link !== undefined && !isPodLink(link) && !["headcni0", "tailscale0", "lo"].includes(link.name);
export const isKnown = ({ state }: FilterPacket) => state === "established" || state === "related";

/** Of a flow whose first packet met the tables. */
export const isTranslated = ({ state, later }: FilterPacket) =>
  later === undefined ? state === "new" : later === "translated";

export const isAnswerOrTranslated = (packet: FilterPacket, { destination }: Passage) =>
  isKnown(packet) || destination !== packet.destination;
export const isAllowed = ({ input, source }: FilterPacket, { allowed }: CommonTerms) =>
  allowed.links.includes(input?.name ?? "") || inAny(source, allowed.prefixes);

/** What becomes a fault where a table lets it pass; the passage has the destination after translation. */
export interface Refusal<T extends CommonTerms = CommonTerms> {
  readonly says: string;
  readonly forbids: (packet: FilterPacket, passage: Passage, terms: T) => boolean;
}

/** Each refusal, and that nothing but what they name is refused. */
export function verdicts<T extends CommonTerms>(refusals: readonly Refusal<T>[]): readonly Sentence<T>[] {
  return [
    ...refusals.map(({ says, forbids }) => ({
      says,
      holds: (packet: FilterPacket, passage: Passage, terms: T) =>
        !passage.passes || !forbids(packet, passage, terms),
    })),
    {
      says: "whatever is not forbidden passes",
      holds: (packet, passage, terms) =>
        passage.passes || refusals.some(({ forbids }) => forbids(packet, passage, terms)),
    },
  ];
}
