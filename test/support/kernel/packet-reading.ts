import type { NftElement, NftStatement } from "../../../src/domain/nftables/nft-statements.ts";
import { addressInside, bitsOf } from "./address-bits.ts";
import type { Moving } from "./filter-packet.ts";

export interface Match {
  readonly op: string;
  readonly left: NftStatement;
  readonly right: unknown;
}

/** A packet that has not what is asked for matches neither `==` nor `!=`. */
export function matches({ op, left, right }: Match, packet: Moving): boolean {
  const found = read(left, packet);
  if (found === undefined) return false;
  const wanted = values(right, packet.table);
  const holds = found.some((value) => wanted.some((one) => covers(one, value)));
  if (op === "==" || op === "in") return holds;
  if (op === "!=") return !holds;
  throw new Error(`the interpreter knows no operator ${op}`);
}

function values(right: unknown, table: Moving["table"]): readonly unknown[] {
  if (Array.isArray(right)) return right;
  if (typeof right === "string" && right.startsWith("@")) return elementsOf(right.slice(1), table);
  return typeof right === "object" && right !== null && "set" in right ? values(right.set, table) : [right];
}

function elementsOf(name: string, { sets = [] }: Moving["table"]): readonly NftElement[] {
  const found = sets.find((set) => set.name === name);
  if (found === undefined) throw new Error(`the table has no set ${name}`);
  return found.elements;
}

export interface VerdictMap {
  readonly key: NftStatement;
  /** A map by its name, or keys with verdicts. */
  readonly data: string | { readonly set: readonly (readonly [unknown, NftStatement])[] };
}

/** Undefined where the packet has no key, or the map none for it. */
export function verdictOf({ key, data }: VerdictMap, packet: Moving): NftStatement | undefined {
  const [value] = read(key, packet) ?? [];
  if (value === undefined) return undefined;
  if (typeof data !== "string") return data.set.find(([wanted]) => covers(wanted, value))?.[1];
  const map = packet.table.maps?.find(({ name }) => `@${name}` === data);
  if (map === undefined) throw new Error(`the table has no map ${data}`);
  const target = map.elements.find(([address]) => address === value)?.[1];
  return target === undefined ? undefined : { jump: { target } };
}

function covers(wanted: unknown, value: Value): boolean {
  if (typeof wanted === "object" && wanted !== null && "concat" in wanted)
    return (wanted.concat as readonly unknown[]).join(" . ") === value;
  if (typeof wanted === "object" && wanted !== null && "prefix" in wanted) {
    const { addr, len } = wanted.prefix as { readonly addr: string; readonly len: number };
    return addressInside(String(value), `${addr}/${len}`);
  }
  if (typeof wanted === "object" && wanted !== null && "range" in wanted) {
    const [first, last] = wanted.range as readonly [Value, Value];
    if (typeof value === "number") return value >= Number(first) && value <= Number(last);
    if (typeof first !== "string" || typeof last !== "string") return false;
    const bits = bitsOf(String(value));
    return bits.length === bitsOf(first).length && bits >= bitsOf(first) && bits <= bitsOf(last);
  }
  return wanted === value;
}

type Value = string | number | boolean;

/** What an expression yields; several values for a set of flags, undefined where the packet has none. */
type Reader = (packet: Moving) => readonly Value[] | undefined;

const readers: Readonly<Record<string, Reader>> = {
  // No link reads as an empty name, but has no group (net/netfilter/nft_meta.c, nft_meta_store_ifname and _ifgroup).
  "meta iifname": ({ input }) => [input?.name ?? ""],
  "meta oifname": ({ hook, output }) => [hook === "prerouting" ? "" : (output?.name ?? "")],
  "meta iifgroup": ({ input }) => some(input?.group),
  "meta oifgroup": ({ hook, output }) => (hook === "prerouting" ? undefined : some(output?.group)),
  "meta l4proto": ({ family, protocol }) => [protocol === "icmp" && family === 6 ? "ipv6-icmp" : protocol],
  "meta mark": ({ mark }) => [mark],
  "meta nfproto": ({ family }) => [family === 4 ? "ipv4" : "ipv6"],
  "ip saddr": ({ family, source }) => (family === 4 ? [source] : undefined),
  "ip daddr": ({ family, destination }) => (family === 4 ? [destination] : undefined),
  "ip6 saddr": ({ family, source }) => (family === 6 ? [source] : undefined),
  "ip6 daddr": ({ family, destination }) => (family === 6 ? [destination] : undefined),
  "udp dport": ({ protocol, destinationPort }) => (protocol === "udp" ? some(destinationPort) : undefined),
  "udp checksum": ({ protocol, udpChecksum }) => (protocol === "udp" ? some(udpChecksum ?? 1) : undefined),
  "tcp dport": ({ protocol, destinationPort }) => (protocol === "tcp" ? some(destinationPort) : undefined),
  "sctp dport": ({ protocol, destinationPort }) => (protocol === "sctp" ? some(destinationPort) : undefined),
  "th dport": ({ protocol, destinationPort }) => (protocol === "icmp" ? undefined : some(destinationPort)),
  "tcp flags": ({ protocol, flags }) => (protocol === "tcp" ? (flags ?? []) : undefined),
  "icmp type": ({ family, icmpType }) => (family === 4 ? some(icmpType) : undefined),
  "icmpv6 type": ({ family, icmpType }) => (family === 6 ? some(icmpType) : undefined),
  "fib type daddr": ({ toSelf }) => [toSelf ? "local" : "unicast"],
  "fib oif saddr,iif": (packet) => [isAnswered(packet)],
  "ct state": ({ state }) => [state],
  "ct direction": ({ state, later }) => {
    if (hasNoFlow(state)) return undefined;
    return [state === "new" || later !== undefined ? "original" : "reply"];
  },
  // Where pods' flows are translated at all, their source is; others are not asked for it.
  "ct status": ({ translated, state, later }) =>
    hasNoFlow(state)
      ? undefined
      : [
          ...(translated ? ["dnat"] : []),
          ...(later !== undefined || state === "established" || state === "related" ? ["confirmed"] : []),
          ...(later === "translated" ? ["snat"] : []),
        ],
};

function hasNoFlow(state: Moving["state"]): boolean {
  return state === "invalid" || state === "untracked";
}

/**
 * Whether `fib saddr . iif` finds the link. Loopback and senders without an address yet, of DHCP and of ICMPv6 on their
 * link, count as found (net/ipv4/netfilter/nft_fib_ipv4.c, nft_fib4_eval; net/ipv6/netfilter/nft_fib_ipv6.c, nft_fib6_eval).
 */
function isAnswered({ family, input, source, destination, protocol, sourceLink }: Moving): boolean {
  const onItsLink = (prefixes: readonly string[]) =>
    prefixes.some((prefix) => addressInside(destination, prefix));
  if (input === undefined || input.name === "lo") return true;
  if (family === 4 && addressInside(source, "0.0.0.0/8") && onItsLink(["255.255.255.255/32", "224.0.0.0/24"]))
    return true;
  if (family === 6 && source === "::" && protocol === "icmp" && onItsLink(["fe80::/10", "ff02::/16"]))
    return true;
  return sourceLink === input.name;
}

function read(left: NftStatement, packet: Moving): readonly Value[] | undefined {
  const [[kind, detail] = ["", undefined]] = Object.entries(left);
  if (kind === "&") return masked(detail as Masked, packet);
  if (kind === "concat") return concatenated(detail as readonly NftStatement[], packet);
  const { key, protocol, field, result, flags } = detail as Readonly<Record<string, string>>;
  const name = key ?? `${result} ${flags}`;
  const reader = readers[kind === "payload" ? `${protocol} ${field}` : `${kind} ${name}`];
  if (reader === undefined) throw new Error(`the interpreter knows no expression ${JSON.stringify(left)}`);
  return reader(packet);
}

/** One value, as nft writes it. */
function concatenated(parts: readonly NftStatement[], packet: Moving): readonly Value[] | undefined {
  const found = parts.map((part) => read(part, packet)?.[0]);
  return found.includes(undefined) ? undefined : [found.join(" . ")];
}

/** A number, or flags by their names: one or several, of which the packet's are left, or 0. */
type Masked = readonly [NftStatement, number | Flags];
type Flags = string | { readonly "|": readonly Flags[] };

function masked([left, bits]: Masked, packet: Moving): readonly Value[] | undefined {
  const found = read(left, packet);
  if (found === undefined) return undefined;
  if (typeof bits === "number") return found.map((value) => (Number(value) & bits) >>> 0);
  const kept = flagsOf(bits).filter((flag) => found.includes(flag));
  return [kept.length === 0 ? 0 : kept.join()];
}

function flagsOf(flags: Flags): readonly string[] {
  return typeof flags === "string" ? [flags] : flags["|"].flatMap(flagsOf);
}

function some<T>(value: T | undefined): readonly T[] | undefined {
  return value === undefined ? undefined : [value];
}
