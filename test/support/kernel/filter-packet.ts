import type { NftChain, NftTable } from "../../../src/domain/nftables/nft-table.ts";

/** A link as nft's `meta` sees it. */
export interface FilterLink {
  readonly name: string;
  /** IFLA_GROUP; 0 is the kernel's default. */
  readonly group: number;
}

/** One packet in front of the first hook, with what routing and conntrack say of it. */
export interface FilterPacket {
  readonly family: 4 | 6;
  /** Where it came in; absent for what the namespace itself sends. */
  readonly input?: FilterLink;
  /** Where routing sends it, after a translation of its destination; absent for what the namespace keeps. */
  readonly output?: FilterLink;
  readonly source: string;
  readonly destination: string;
  /** Whether the destination is an address of the namespace. */
  readonly toSelf: boolean;
  /** Name of the link by which routing would answer the source; absent where it has none. */
  readonly sourceLink?: string;
  readonly protocol: "tcp" | "udp" | "sctp" | "icmp";
  /** Any where absent. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** The flags of a TCP segment, as nft names them. */
  readonly flags?: readonly ("syn" | "ack" | "rst" | "fin")[];
  /** MSS option of a TCP segment, in bytes. */
  readonly segmentSize?: number;
  /** Checksum of a UDP datagram; the right one, which is not 0, where absent. */
  readonly udpChecksum?: number;
  /** ICMP type, as nft names it. */
  readonly icmpType?: string;
  /** Its mark where it comes in; 0 where absent. */
  readonly mark?: number;
  readonly state: "new" | "established" | "related" | "invalid" | "untracked";
  /** A later packet of who opened the flow, whose first one met these tables, or none; absent for answers. */
  readonly later?: "translated" | "untranslated";
  /** An answer in a flow whose destination was translated. */
  readonly answersTranslated?: true;
}

export type Hook = NftChain["hook"];

/** A packet on its way: `translated` is conntrack's status bit IPS_DST_NAT. */
export interface Moving extends FilterPacket {
  readonly hook: Hook;
  readonly mark: number;
  readonly translated: boolean;
  /** A NAT of this hook has said what becomes of the flow, be it nothing. */
  readonly settled: boolean;
  /** The one whose chain it crosses. */
  readonly table: Pick<NftTable, "sets" | "maps" | "subchains">;
}
