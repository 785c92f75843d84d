import { stableHash } from "../stable-hash.ts";
import type { NftElement, NftStatement } from "./nft-statements.ts";

/** A table of ours, whole: it is only ever loaded as one transaction and compared as one piece. */
export interface NftTable {
  readonly name: string;
  readonly sets?: readonly NftSet[];
  readonly maps?: readonly NftVerdictMap[];
  readonly chains: readonly NftChain[];
  /** Chains that rules and maps jump to. */
  readonly subchains?: readonly NftSubchain[];
}

/** A named set; rules name it "@name". */
export interface NftSet {
  readonly name: string;
  /** Several: of a concatenation. */
  readonly type: NftType | readonly NftType[];
  /** It holds single values, hashed: one comes or goes at the same cost however many there are. Intervals otherwise. */
  readonly single?: true;
  /** Values, or prefixes and ranges of libnftables-json(5), disjoint. */
  readonly elements: readonly NftElement[];
}

export type NftType = "ipv4_addr" | "ipv6_addr" | "inet_proto" | "inet_service";

/** A named map from addresses to the subchain that a packet jumps to; rules name it "@name". */
export interface NftVerdictMap {
  readonly name: string;
  readonly type: "ipv4_addr" | "ipv6_addr";
  readonly elements: readonly NftJump[];
}

/** An address, and the name of the subchain. */
export type NftJump = readonly [string, string];

export interface NftSubchain {
  readonly name: string;
  readonly rules: readonly NftRule[];
}

export interface NftChain extends NftHook {
  readonly name: string;
  readonly rules: readonly NftRule[];
}

/** Where a base chain sits (libnftables-json(5), CHAIN). */
export interface NftHook {
  readonly type: "filter" | "nat";
  readonly hook: "prerouting" | "input" | "forward" | "output" | "postrouting";
  readonly priority: number;
  readonly policy: "accept" | "drop";
}

export interface NftRule {
  readonly name: string;
  readonly statements: readonly NftStatement[];
}

/** A table as nft lists it, as far as the comparison needs it: chains in any order, rules in order by comment. */
export interface ObservedTable {
  /** Ours have none. One that is `dormant` takes part in nothing. */
  readonly hasFlags: boolean;
  readonly chains: readonly (NftHook & { readonly name: string; readonly comments: readonly string[] })[];
}

/** All our tables are of this family. */
export const family = "inet";

/**
 * Whether the listed table is the wanted one. Rules are told by comments, which carry a digest of the whole table:
 * nft lists statements in its own form, which differs between its versions. So a rule that root replaced by another with its comment
 * is not noticed; the kernel gives that one its handle, too.
 */
export function tableHolds(wanted: NftTable, found: ObservedTable | undefined): boolean {
  if (found?.chains.length !== wanted.chains.length || found.hasFlags) return false;
  const digest = digestOf(wanted);
  return wanted.chains.every((chain) => {
    const listed = found.chains.find(({ name }) => name === chain.name);
    return (
      listed !== undefined &&
      listed.type === chain.type &&
      listed.hook === chain.hook &&
      listed.priority === chain.priority &&
      listed.policy === chain.policy &&
      listed.comments.length === chain.rules.length &&
      chain.rules.every((rule, index) => listed.comments[index] === ruleComment(rule.name, digest))
    );
  });
}

/** The JSON document that puts the table in place of whatever has its name, in one transaction. */
export function loadTable(table: NftTable): unknown {
  const { name, sets = [], maps = [], chains, subchains = [] } = table;
  const self = { table: { family, name } };
  // Of a table with subchains those and the elements change without the rest.
  const digest = digestOf(table.subchains === undefined ? table : chains);
  const commands = [
    ...sets.map((set) => addSet(name, set)),
    ...chains.map((chain) => addChain(name, chain)),
    ...subchains.map((chain) => addChain(name, chain)),
    ...maps.map((map) => addMap(name, map)),
    ...chains.flatMap((chain) => addRules(name, chain, digest)),
    ...subchains.flatMap((chain) => addRules(name, chain, digestOf(chain.rules))),
  ];
  // Adding first makes the deletion succeed when there is no such table.
  return { nftables: [{ add: self }, { delete: self }, { add: self }, ...commands] };
}

/** A command of libnftables-json(5). */
type NftCommand = Readonly<Record<string, unknown>>;

export function addSet(table: string, { name, type, single, elements }: NftSet): NftCommand {
  const flags = single === true ? {} : { flags: ["interval"] };
  const [only, ...more] = [type].flat();
  const types = more.length === 0 ? only : [only, ...more];
  return { add: { set: { ...{ family, table, name, type: types }, ...flags, ...elemOf(elements) } } };
}

/** The subchains it jumps to must be there. */
function addMap(table: string, { name, type, elements }: NftVerdictMap): NftCommand {
  return {
    add: { map: { ...{ family, table, name, type, map: "verdict" }, ...elemOf(elements.map(jumpTo)) } },
  };
}

/** An element of a verdict map as nft takes it. */
export function jumpTo([address, target]: NftJump): unknown {
  return [address, { jump: { target } }];
}

/** nft takes no empty list. */
function elemOf(elements: readonly unknown[]): NftCommand {
  return elements.length === 0 ? {} : { elem: elements };
}

/** Without its rules. */
export function addChain(table: string, chain: NftChain | NftSubchain): NftCommand {
  if (!("hook" in chain)) return { add: { chain: { family, table, name: chain.name } } };
  const { name, type, hook, priority, policy } = chain;
  return { add: { chain: { family, table, name, type, hook, prio: priority, policy } } };
}

export function addRules(
  table: string,
  { name: chain, rules }: NftSubchain,
  digest: string,
): readonly NftCommand[] {
  return rules.map(({ name, statements }) => ({
    add: { rule: { ...{ family, table, chain, comment: ruleComment(name, digest) }, expr: statements } },
  }));
}

/** The document that removes the table, there or not. */
export function removeTable(name: string): unknown {
  const self = { table: { family, name } };
  return { nftables: [{ add: self }, { delete: self }] };
}

export function ruleComment(name: string, digest: string): string {
  return `headcni:${name}:${digest}`;
}

/** Tells versions of a definition apart. */
export function digestOf(definition: unknown): string {
  return stableHash(JSON.stringify(definition));
}
