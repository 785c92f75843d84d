import { stableHash } from "../stable-hash.ts";
import type { NftElement, NftStatement } from "./nft-statements.ts";

/** A table of ours, whole: it is only ever loaded as one transaction and compared as one piece. */
export interface NftTable {
  readonly name: string;
  readonly sets?: readonly NftSet[];
  readonly chains: readonly NftChain[];
}

/** A named set of intervals; rules name it "@name". */
export interface NftSet {
  readonly name: string;
  readonly type: "ipv4_addr" | "ipv6_addr";
  /** Prefixes and ranges of libnftables-json(5), disjoint. */
  readonly elements: readonly NftElement[];
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
const family = "inet";

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
  const self = { table: { family, name: table.name } };
  const digest = digestOf(table);
  const sets = (table.sets ?? []).map(({ name, type, elements }) => ({
    add: {
      set: {
        ...{ family, table: table.name, name, type, flags: ["interval"] },
        // nft takes no empty list.
        ...(elements.length === 0 ? {} : { elem: elements }),
      },
    },
  }));
  const chains = table.chains.map(({ name, type, hook, priority, policy }) => ({
    add: { chain: { family, table: table.name, name, type, hook, prio: priority, policy } },
  }));
  const rules = table.chains.flatMap((chain) =>
    chain.rules.map((rule) => ({
      add: {
        rule: {
          family,
          table: table.name,
          chain: chain.name,
          comment: ruleComment(rule.name, digest),
          expr: rule.statements,
        },
      },
    })),
  );
  // Adding first makes the deletion succeed when there is no such table.
  return { nftables: [{ add: self }, { delete: self }, { add: self }, ...sets, ...chains, ...rules] };
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
