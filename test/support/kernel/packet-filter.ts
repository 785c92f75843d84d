import type { NftStatement } from "../../../src/domain/nftables/nft-statements.ts";
import type { NftChain, NftRule, NftTable } from "../../../src/domain/nftables/nft-table.ts";
import type { FilterPacket, Hook, Moving } from "./filter-packet.ts";
import { type Match, matches, type VerdictMap, verdictOf } from "./packet-reading.ts";

/** What became of a packet. `source` is "masqueraded" where it takes the address of the link it leaves by. */
export interface Passage {
  readonly passes: boolean;
  /** The rule that refused it, "policy of CHAIN", or "" when it passes. */
  readonly refusedBy: string;
  readonly source: string;
  readonly destination: string;
  readonly segmentSize: number | undefined;
  readonly udpChecksum: number | undefined;
  readonly mark: number;
}

/**
 * Interprets tables of the `inet` family by nft(8), independently of the kernel: the packet crosses its hooks in order, at
 * each the base chains in order of priority. A rule ends at its first statement that does not match; `accept` ends
 * its chain, `drop` the packet. NAT chains see the first packet of a flow alone, all at one place of the hook, up to the first that
 * translates (net/netfilter/nf_nat_core.c, nf_nat_inet_fn), and conntrack does the same with later ones. Throws on a statement that it does not know.
 */
export function passageOf(tables: readonly NftTable[], packet: FilterPacket): Passage {
  return passagesThrough(tables)(packet);
}

/** The same for many packets. */
export function passagesThrough(tables: readonly NftTable[]): (packet: FilterPacket) => Passage {
  const chains = tables.flatMap((table) => table.chains.map((chain) => ({ ...chain, table })));
  const hooks = Map.groupBy(inOrder(chains), ({ hook }) => hook);
  return (packet) => {
    let moving: Moving = {
      ...{ mark: 0, ...packet, hook: "prerouting", table: {} },
      settled: false,
      translated: packet.answersTranslated === true,
    };
    for (const hook of hooksOf(packet)) {
      moving = { ...moving, hook, settled: !isTranslated(packet) };
      for (const chain of hooks.get(hook) ?? []) {
        if (chain.type === "nat" && moving.settled) continue;
        const after = throughChain(chain, { ...moving, table: chain.table });
        if ("refusedBy" in after) return { ...seen(moving), passes: false, refusedBy: after.refusedBy };
        moving = after;
      }
    }
    return { ...seen(moving), passes: true, refusedBy: "" };
  };
}

/** Where conntrack calls the chains of `nat` (NF_IP_PRI_NAT_DST and _SRC of linux/netfilter_ipv4.h), whatever their own priorities. */
const natPriority: Readonly<Record<Hook, number>> = {
  ...{ prerouting: -100, output: -100 },
  ...{ input: 100, postrouting: 100, forward: 0 },
};

function inOrder<C extends Pick<NftChain, "type" | "hook" | "priority">>(chains: readonly C[]): readonly C[] {
  const place = ({ type, hook, priority }: C) => (type === "nat" ? natPriority[hook] : priority);
  return chains.toSorted((one, other) => place(one) - place(other) || one.priority - other.priority);
}

function isTranslated({ state, later }: FilterPacket): boolean {
  return later === undefined ? state === "new" : later === "translated";
}

function seen({ source, destination, segmentSize, udpChecksum, mark }: Moving) {
  return { source, destination, segmentSize, udpChecksum, mark };
}

function hooksOf({ input, output }: FilterPacket): readonly Hook[] {
  if (input === undefined) return ["output", "postrouting"];
  return output === undefined ? ["prerouting", "input"] : ["prerouting", "forward", "postrouting"];
}

function throughChain(chain: NftChain, packet: Moving): Moving | { readonly refusedBy: string } {
  const step = throughRules(chain.rules, packet);
  if (step.verdict === "drop") return { refusedBy: step.by ?? "" };
  if (step.verdict === "accept") return step.packet;
  return chain.policy === "drop" ? { refusedBy: `policy of ${chain.name}` } : step.packet;
}

interface Step {
  readonly packet: Moving;
  readonly verdict: "accept" | "drop" | "continue";
  /** The rule that drops. */
  readonly by?: string;
}

function throughRules(rules: readonly NftRule[], packet: Moving): Step {
  let moving = packet;
  for (const rule of rules) {
    const step = throughRule(rule, moving);
    if (step.verdict === "drop") return { by: rule.name, ...step };
    if (step.verdict === "accept") return step;
    moving = step.packet;
  }
  return { packet: moving, verdict: "continue" };
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
    case "jump":
      return throughRules(subchain(packet, (detail as { readonly target: string }).target), packet);
    case "vmap": {
      const [[verdict, to] = ["", undefined]] = Object.entries(verdictOf(detail as VerdictMap, packet) ?? {});
      return verdict === "" ? { packet, verdict: "continue" } : throughStatement(verdict, to, packet);
    }
    default:
      return translate(kind, detail as Target | null, packet);
  }
}

function subchain({ table }: Moving, target: string): readonly NftRule[] {
  const found = table.subchains?.find(({ name }) => name === target);
  if (found === undefined) throw new Error(`the table has no chain ${target}`);
  return found.rules;
}

interface Mangle {
  readonly key: NftStatement;
  readonly value: Bits;
}

/** A number, or one made of the packet's mark. */
type Bits = number | NftStatement;

function mangled(packet: Moving, { key, value }: Mangle): Moving {
  const result = bitsFor(value, packet);
  if ("meta" in key) return { ...packet, mark: result };
  return "payload" in key ? { ...packet, udpChecksum: result } : withSegmentSize(packet, result);
}

function bitsFor(value: Bits, packet: Moving): number {
  if (typeof value === "number") return value;
  const [[kind, detail] = ["", undefined]] = Object.entries(value);
  if (kind === "meta") return packet.mark;
  const [one, other] = detail as readonly [Bits, number];
  const bits = bitsFor(one, packet);
  return (kind === "&" ? bits & other : bits | other) >>> 0;
}

/** The kernel lowers an option that is there and never raises it. */
function withSegmentSize(packet: Moving, size: number): Moving {
  if (packet.segmentSize === undefined) return packet;
  return { ...packet, segmentSize: Math.min(packet.segmentSize, size) };
}

interface Target {
  readonly family: "ip" | "ip6";
  /** Of a packet it is the source, which stays. */
  readonly addr: string | { readonly payload: unknown };
}

/** A translation ends its chain; one for the other family does nothing. */
function translate(kind: string, target: Target | null, packet: Moving): Step {
  if (target !== null && target.family !== (packet.family === 4 ? "ip" : "ip6"))
    return { packet, verdict: "continue" };
  if (kind === "masquerade") return accepted({ ...packet, source: "masqueraded", settled: true });
  const addr = typeof target?.addr === "string" ? target.addr : undefined;
  if (kind === "snat" && target !== null)
    return accepted({ ...packet, source: addr ?? packet.source, settled: true });
  if (kind === "dnat" && addr !== undefined)
    return accepted({ ...packet, destination: addr, toSelf: false, translated: true, settled: true });
  throw new Error(`the interpreter knows no statement ${kind}`);
}

function accepted(packet: Moving): Step {
  return { packet, verdict: "accept" };
}
