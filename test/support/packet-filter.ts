import type { NftElement, NftStatement } from "../../src/domain/nft-statements.ts";
import type { NftChain, NftRule, NftSet, NftTable } from "../../src/domain/nft-table.ts";

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
  readonly protocol: "tcp" | "udp" | "icmp";
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
  readonly state: "new" | "established" | "related" | "invalid" | "untracked";
  /** A later packet of who opened the flow, whose first one met these tables, or none; absent for answers. */
  readonly later?: "translated" | "untranslated";
}

/** What became of a packet. `source` is "masqueraded" where it takes the address of the link it leaves by. */
export interface Passage {
  readonly passes: boolean;
  /** The rule that refused it, "policy of CHAIN", or "" when it passes. */
  readonly refusedBy: string;
  readonly source: string;
  readonly destination: string;
  readonly segmentSize: number | undefined;
  readonly udpChecksum: number | undefined;
}

type Hook = NftChain["hook"];

/** A packet on its way: `translated` is conntrack's status bit IPS_DST_NAT. */
interface Moving extends FilterPacket {
  readonly hook: Hook;
  readonly translated: boolean;
  /** Of the table whose chain it crosses. */
  readonly sets: readonly NftSet[];
}

/**
 * Interprets tables of the `inet` family by nft(8), independently of the kernel: the packet crosses its hooks in order, at
 * each the base chains in order of priority. A rule ends at its first statement that does not match; `accept` ends
 * its chain, `drop` the packet. NAT chains see the first packet of a flow alone, and conntrack does the same with later ones. Throws on a statement that it does not know.
 */
export function passageOf(tables: readonly NftTable[], packet: FilterPacket): Passage {
  const chains = tables
    .flatMap(({ chains: own, sets = [] }) => own.map((chain) => ({ ...chain, sets })))
    .sort((one, other) => one.priority - other.priority);
  let moving: Moving = { ...packet, hook: "prerouting", translated: false, sets: [] };
  for (const hook of hooksOf(packet)) {
    moving = { ...moving, hook };
    for (const chain of chains) {
      if (chain.hook !== hook || (chain.type === "nat" && !isTranslated(packet))) continue;
      const after = throughChain(chain, { ...moving, sets: chain.sets });
      if ("refusedBy" in after) return { ...seen(moving), passes: false, refusedBy: after.refusedBy };
      moving = after;
    }
  }
  return { ...seen(moving), passes: true, refusedBy: "" };
}

function isTranslated({ state, later }: FilterPacket): boolean {
  return later === undefined ? state === "new" : later === "translated";
}

function seen({ source, destination, segmentSize, udpChecksum }: Moving) {
  return { source, destination, segmentSize, udpChecksum };
}

function hooksOf({ input, output }: FilterPacket): readonly Hook[] {
  if (input === undefined) return ["output", "postrouting"];
  return output === undefined ? ["prerouting", "input"] : ["prerouting", "forward", "postrouting"];
}

function throughChain(chain: NftChain, packet: Moving): Moving | { readonly refusedBy: string } {
  let moving = packet;
  for (const rule of chain.rules) {
    const step = throughRule(rule, moving);
    if (step.verdict === "drop") return { refusedBy: rule.name };
    if (step.verdict === "accept") return step.packet;
    moving = step.packet;
  }
  return chain.policy === "drop" ? { refusedBy: `policy of ${chain.name}` } : moving;
}

interface Step {
  readonly packet: Moving;
  readonly verdict: "accept" | "drop" | "continue";
}

function throughRule({ statements }: NftRule, packet: Moving): Step {
  let step: Step = { packet, verdict: "continue" };
  for (const statement of statements) {
    const [[kind, detail] = ["", undefined]] = Object.entries(statement);
    if (kind === "match" && !matches(detail as Match, step.packet)) break;
    step = kind === "match" ? step : throughStatement(kind, detail, step.packet);
    if (step.verdict !== "continue") break;
  }
  return step;
}

function throughStatement(kind: string, detail: unknown, packet: Moving): Step {
  switch (kind) {
    case "counter":
      return { packet, verdict: "continue" };
    case "mangle":
      return { packet: mangled(packet, detail as Mangle), verdict: "continue" };
    case "accept":
    case "drop":
      return { packet, verdict: kind };
    default:
      return translate(kind, detail as Target | null, packet);
  }
}

interface Mangle {
  readonly key: NftStatement;
  readonly value: number;
}

function mangled(packet: Moving, { key, value }: Mangle): Moving {
  return "payload" in key ? { ...packet, udpChecksum: value } : withSegmentSize(packet, value);
}

/** The kernel lowers an option that is there and never raises it. */
function withSegmentSize(packet: Moving, size: number): Moving {
  if (packet.segmentSize === undefined) return packet;
  return { ...packet, segmentSize: Math.min(packet.segmentSize, size) };
}

interface Target {
  readonly family: "ip" | "ip6";
  readonly addr: string;
}

/** A translation ends its chain; one for the other family does nothing. */
function translate(kind: string, target: Target | null, packet: Moving): Step {
  if (target !== null && target.family !== (packet.family === 4 ? "ip" : "ip6"))
    return { packet, verdict: "continue" };
  if (kind === "masquerade") return accepted({ ...packet, source: "masqueraded" });
  if (kind === "snat" && target !== null) return accepted({ ...packet, source: target.addr });
  if (kind === "dnat" && target !== null)
    return accepted({ ...packet, destination: target.addr, toSelf: false, translated: true });
  throw new Error(`the interpreter knows no statement ${kind}`);
}

function accepted(packet: Moving): Step {
  return { packet, verdict: "accept" };
}

interface Match {
  readonly op: string;
  readonly left: NftStatement;
  readonly right: unknown;
}

/** A packet that has not what is asked for matches neither `==` nor `!=`. */
function matches({ op, left, right }: Match, packet: Moving): boolean {
  const found = read(left, packet);
  if (found === undefined) return false;
  const wanted = values(right, packet.sets);
  const holds = found.some((value) => wanted.some((one) => covers(one, value)));
  if (op === "==" || op === "in") return holds;
  if (op === "!=") return !holds;
  throw new Error(`the interpreter knows no operator ${op}`);
}

function values(right: unknown, sets: readonly NftSet[]): readonly unknown[] {
  if (Array.isArray(right)) return right;
  if (typeof right === "string" && right.startsWith("@")) return elementsOf(right.slice(1), sets);
  return typeof right === "object" && right !== null && "set" in right ? values(right.set, sets) : [right];
}

function elementsOf(name: string, sets: readonly NftSet[]): readonly NftElement[] {
  const found = sets.find((set) => set.name === name);
  if (found === undefined) throw new Error(`the table has no set ${name}`);
  return found.elements;
}

function covers(wanted: unknown, value: Value): boolean {
  if (typeof wanted === "object" && wanted !== null && "prefix" in wanted) {
    const { addr, len } = wanted.prefix as { readonly addr: string; readonly len: number };
    return addressInside(String(value), `${addr}/${len}`);
  }
  if (typeof wanted === "object" && wanted !== null && "range" in wanted) {
    const [first, last] = wanted.range as readonly [string, string];
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
  "meta nfproto": ({ family }) => [family === 4 ? "ipv4" : "ipv6"],
  "ip saddr": ({ family, source }) => (family === 4 ? [source] : undefined),
  "ip daddr": ({ family, destination }) => (family === 4 ? [destination] : undefined),
  "ip6 saddr": ({ family, source }) => (family === 6 ? [source] : undefined),
  "ip6 daddr": ({ family, destination }) => (family === 6 ? [destination] : undefined),
  "udp dport": ({ protocol, destinationPort }) => (protocol === "udp" ? some(destinationPort) : undefined),
  "udp checksum": ({ protocol, udpChecksum }) => (protocol === "udp" ? some(udpChecksum ?? 1) : undefined),
  "tcp flags": ({ protocol, flags }) => (protocol === "tcp" ? flags : undefined),
  "icmp type": ({ family, icmpType }) => (family === 4 ? some(icmpType) : undefined),
  "icmpv6 type": ({ family, icmpType }) => (family === 6 ? some(icmpType) : undefined),
  "fib type daddr": ({ toSelf }) => [toSelf ? "local" : "unicast"],
  "fib oif saddr,iif": (packet) => [isAnswered(packet)],
  "ct state": ({ state }) => [state],
  "ct direction": ({ state, later }) => {
    if (state === "invalid" || state === "untracked") return undefined;
    return [state === "new" || later !== undefined ? "original" : "reply"];
  },
  // Where pods' flows are translated at all, their source is; others are not asked for it.
  "ct status": ({ translated, state, later }) => [
    ...(translated ? ["dnat"] : []),
    ...(later !== undefined || state === "established" || state === "related" ? ["confirmed"] : []),
    ...(later === "translated" ? ["snat"] : []),
  ],
};

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
  if (kind === "&") {
    const [flags, { "|": asked }] = detail as readonly [NftStatement, { readonly "|": readonly string[] }];
    return [asked.filter((flag) => read(flags, packet)?.includes(flag)).join()];
  }
  const { key, protocol, field, result, flags } = detail as Readonly<Record<string, string>>;
  const name = key ?? `${result} ${flags}`;
  const reader = readers[kind === "payload" ? `${protocol} ${field}` : `${kind} ${name}`];
  if (reader === undefined) throw new Error(`the interpreter knows no expression ${JSON.stringify(left)}`);
  return reader(packet);
}

function some<T>(value: T | undefined): readonly T[] | undefined {
  return value === undefined ? undefined : [value];
}

/** Whether the address lies in the prefix ("10.0.0.0/8"); addresses without a dotted end. */
export function addressInside(address: string, prefix: string): boolean {
  const [base = "", length = ""] = prefix.split("/");
  if (address === "masqueraded" || address.includes(":") !== base.includes(":")) return false;
  return bitsOf(address).startsWith(bitsOf(base).slice(0, Number(length)));
}

/** Each address is asked for thousands of times. */
const knownBits = new Map<string, string>();

function bitsOf(address: string): string {
  const known = knownBits.get(address) ?? readBits(address);
  knownBits.set(address, known);
  return known;
}

function readBits(address: string): string {
  if (!address.includes(":")) return digits(address.split("."), 10, 8);
  const [head = [], tail = []] = address
    .split("::")
    .map((part) => part.split(":").filter((group) => group !== ""));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  return digits([...head, ...zeros, ...tail], 16, 16);
}

function digits(groups: readonly string[], radix: number, width: number): string {
  return groups.map((group) => Number.parseInt(group, radix).toString(2).padStart(width, "0")).join("");
}
