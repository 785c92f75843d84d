/** One statement of an nftables rule in the JSON schema of libnftables-json(5). */
export type NftStatement = Readonly<Record<string, unknown>>;

/** An address, a prefix, a range of addresses, first and last, values of several types, or the name of a set, in the same schema. */
export type NftElement =
  | string
  | { readonly concat: readonly (string | number)[] }
  | { readonly prefix: { readonly addr: string; readonly len: number } }
  | { readonly range: readonly [string, string] };

type Value = string | number | boolean | readonly (string | number | NftStatement)[];

/** `meta iifname`, `oifname`, `iifgroup`, `oifgroup`, `nfproto`. */
export function metaIs(key: string, value: Value): NftStatement {
  return match("==", { meta: { key } }, value);
}

export function metaIsNot(key: string, value: Value): NftStatement {
  return match("!=", { meta: { key } }, value);
}

/** Source or destination address of a family inside any of what `elementOf` takes. */
export const addressIn = addressMatch("==");
export const addressNotIn = addressMatch("!=");

export function fieldIs(protocol: string, field: string, value: Value): NftStatement {
  return match("==", { payload: { protocol, field } }, value);
}

export const destinationIsLocal: NftStatement = match(
  "==",
  { fib: { result: "type", flags: ["daddr"] } },
  "local",
);

/**
 * Routing would not answer the source by the link that the packet came in by. The kernel exempts what has no address yet:
 * DHCP from 0.0.0.0 and ICMPv6 from `::` (net/ipv4/netfilter/nft_fib_ipv4.c; net/ipv6/netfilter/nft_fib_ipv6.c since 5.13).
 */
export const sourceIsElsewhere: NftStatement = match(
  "==",
  { fib: { result: "oif", flags: ["saddr", "iif"] } },
  false,
);

/** Packets of a flow that was let through before, and ICMP errors about one. */
export const belongsToKnownFlow: NftStatement = {
  match: { op: "in", left: { ct: { key: "state" } }, right: ["established", "related"] },
};

/** Packets that conntrack makes nothing of: NAT leaves them as they are. */
export const belongsToNoFlow: NftStatement = {
  match: { op: "in", left: { ct: { key: "state" } }, right: ["invalid", "untracked"] },
};

/** Packets of a flow whose destination was rewritten: a Service, a host port, tailscaled's port. */
export const wasTranslated: NftStatement = {
  match: { op: "in", left: { ct: { key: "status" } }, right: "dnat" },
};

export const wasNotTranslated: NftStatement = match("==", { "&": [{ ct: { key: "status" } }, "dnat"] }, 0);

/**
 * Later packets of a flow whose source no NAT rewrote: IPS_CONFIRMED and IPS_SRC_NAT of linux/netfilter/nf_conntrack_common.h are set
 * behind all hooks of the first one. The state would not tell: a flow without answers stays `new`.
 */
export const keepsItsSource: NftStatement = match(
  "==",
  { "&": [{ ct: { key: "status" } }, { "|": ["confirmed", "snat"] }] },
  "confirmed",
);

/** Packets of whoever opened the flow; those without a flow have no direction. */
export const isFromOpener: NftStatement = match("==", { ct: { key: "direction" } }, "original");

/** Packets that conntrack knows and cannot place in their flow. */
export const isInvalid: NftStatement = {
  match: { op: "in", left: { ct: { key: "state" } }, right: "invalid" },
};

/** TCP that opens no flow: SYN alone of what says so. nft's operators take two operands. */
export const isNoOpener: NftStatement = match(
  "!=",
  {
    "&": [
      { payload: { protocol: "tcp", field: "flags" } },
      { "|": [{ "|": ["fin", "syn"] }, { "|": ["rst", "ack"] }] },
    ],
  },
  "syn",
);

export const isTcpSyn: NftStatement = {
  match: { op: "in", left: { payload: { protocol: "tcp", field: "flags" } }, right: "syn" },
};

/** Lowers the MSS option; the kernel never raises it (net/netfilter/nft_exthdr.c, nft_exthdr_tcp_set_eval). */
export function clampSegment(size: number): NftStatement {
  return { mangle: { key: { "tcp option": { name: "maxseg", field: "size" } }, value: size } };
}

/** A UDP datagram without a checksum, or one whose checksum came out as 0. */
export const lacksChecksum: NftStatement = fieldIs("udp", "checksum", 0);

/** What a checksum that comes out as 0 is sent as (RFC 768; in one's complement both are zero). */
export const writeZeroChecksum: NftStatement = {
  mangle: { key: { payload: { protocol: "udp", field: "checksum" } }, value: 0xffff },
};

/** Marked so by tailscaled, whatever else the mark says. */
export function hasMark({ mark, mask }: MarkBits): NftStatement {
  return match("==", { "&": [{ meta: { key: "mark" } }, mask] }, mark);
}

/** The other bits stay. */
export function clearMark({ mask }: MarkBits): NftStatement {
  const left: NftStatement = { meta: { key: "mark" } };
  return { mangle: { key: left, value: { "&": [left, (0xffffffff ^ mask) >>> 0] } } };
}

/** Bits of a packet's mark. */
interface MarkBits {
  readonly mark: number;
  readonly mask: number;
}

/** Both addresses are an element of the set of that name, a concatenation. */
export function bothAddressesIn(family: 4 | 6, set: string): NftStatement {
  return match("==", { concat: [address(family, "saddr"), address(family, "daddr")] }, set);
}

/** The destination, protocol and port are an element of the set of that name, a concatenation. */
export function destinationPortIn(family: 4 | 6, set: string): NftStatement {
  const port: NftStatement = { payload: { protocol: "th", field: "dport" } };
  return match("==", { concat: [address(family, "daddr"), { meta: { key: "l4proto" } }, port] }, set);
}

/** Jumps to where the named verdict map leads the address. */
export function jumpByAddress(family: 4 | 6, field: "saddr" | "daddr", map: string): NftStatement {
  return { vmap: { key: address(family, field), data: map } };
}

/** Destination ports of one protocol, disjoint, and what becomes of packets to them. */
export function verdictByPort(
  protocol: "tcp" | "udp" | "sctp",
  verdicts: readonly { readonly first: number; readonly last: number; readonly verdict: NftStatement }[],
): NftStatement {
  const set = verdicts.map(({ first, last, verdict }) => [
    first === last ? first : { range: [first, last] },
    verdict,
  ]);
  return { vmap: { key: { payload: { protocol, field: "dport" } }, data: { set } } };
}

export function jump(target: string): NftStatement {
  return { jump: { target } };
}

export const counted: NftStatement = { counter: { packets: 0, bytes: 0 } };
export const accept: NftStatement = { accept: null };
export const refused: readonly NftStatement[] = [counted, { drop: null }];
export const masquerade: NftStatement = { masquerade: null };

/** A translation to what it is: the first one counts, so no other NAT gives the flow another source. */
export function keepSource(family: 4 | 6): NftStatement {
  const name = family === 4 ? "ip" : "ip6";
  return { snat: { family: name, addr: { payload: { protocol: name, field: "saddr" } } } };
}

function match(op: string, left: NftStatement, value: Value): NftStatement {
  if (typeof value !== "object") return { match: { op, left, right: value } };
  const [only, ...more] = value;
  return { match: { op, left, right: more.length === 0 ? only : { set: value } } };
}

function addressMatch(op: "==" | "!=") {
  return (family: 4 | 6, field: "saddr" | "daddr", places: readonly string[]): NftStatement =>
    match(op, address(family, field), places.map(elementOf));
}

function address(family: 4 | 6, field: "saddr" | "daddr"): NftStatement {
  return { payload: { protocol: family === 4 ? "ip" : "ip6", field } };
}

/** A prefix ("10.244.1.0/24"), a range by its first and last address ("10.244.1.0-10.244.1.9"), or a named set ("@name"). */
export function elementOf(text: string): NftElement {
  const [addr = "", length] = text.split("/");
  if (length === undefined) {
    const [first = "", last = first] = text.split("-");
    return first === last ? first : { range: [first, last] };
  }
  const len = Number(length);
  return len === (addr.includes(":") ? 128 : 32) ? addr : { prefix: { addr, len } };
}
