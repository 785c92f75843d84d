import type { NftElement } from "../nftables/nft-statements.ts";
import {
  addChain,
  addRules,
  addSet,
  digestOf,
  family,
  jumpTo,
  type NftJump,
  type NftSet,
  type NftSubchain,
  type NftTable,
  type NftType,
  type NftVerdictMap,
} from "../nftables/nft-table.ts";

/** What leads from one table of policies to another. */
export interface TableChange {
  /** Chains and sets that come and go: one transaction for nft, which takes the elements along. Undefined: none do. */
  readonly rules?: RuleChange;
  /** Of sets and maps that stay. */
  readonly elements: readonly ElementChange[];
}

export interface RuleChange {
  readonly newSets: readonly NftSet[];
  /** With all their rules; one of a name that is there takes its place. */
  readonly chains: readonly NftSubchain[];
  readonly goneChains: readonly string[];
  readonly goneSets: readonly string[];
}

/** Elements that leave and come, in this order, all at once: one that gets another verdict is among both. */
export type ElementChange =
  | {
      readonly kind: "set";
      readonly name: string;
      readonly type: readonly NftType[];
      readonly remove: readonly NftElement[];
      readonly add: readonly NftElement[];
    }
  | {
      readonly kind: "map";
      readonly name: string;
      readonly type: readonly NftType[];
      readonly remove: readonly NftJump[];
      readonly add: readonly NftJump[];
    };

/** `before` and `after` have the same base chains and maps, whose elements alone differ. */
export function tableChange(before: NftTable, after: NftTable): TableChange {
  const [oldSets, oldMaps, oldChains] = [byName(before.sets), byName(before.maps), byName(before.subchains)];
  const { sets = [], maps = [], subchains = [] } = after;
  const chains = subchains.filter((chain) => !sameRules(chain, oldChains.get(chain.name)));
  const rules: RuleChange = {
    newSets: sets.filter(({ name }) => !oldSets.has(name)),
    chains,
    goneChains: missing(oldChains, subchains),
    goneSets: missing(oldSets, sets),
  };
  const elements = [
    ...sets.flatMap((set) => setChange(oldSets.get(set.name), set)),
    ...maps.flatMap((map) => mapChange(oldMaps.get(map.name), map)),
  ];
  return Object.values(rules).some((list) => list.length > 0) ? { rules, elements } : { elements };
}

/** The document for nft that does all of it in one transaction: what refers to something comes after it, and goes before. */
export function changeDocument(
  table: string,
  { rules, elements }: { readonly rules: RuleChange; readonly elements: readonly ElementChange[] },
): unknown {
  const chainAt = (name: string) => ({ chain: { family, table, name } });
  const flushed = [...rules.chains.map(({ name }) => name), ...rules.goneChains];
  return {
    nftables: [
      ...rules.newSets.map((set) => addSet(table, set)),
      // One that is there already is left as it is.
      ...rules.chains.map((chain) => addChain(table, chain)),
      ...elements.flatMap((change) => elementCommands(table, change)),
      ...flushed.map((name) => ({ flush: chainAt(name) })),
      ...rules.chains.flatMap((chain) => addRules(table, chain, digestOf(chain.rules))),
      ...rules.goneChains.map((name) => ({ delete: chainAt(name) })),
      ...rules.goneSets.map((name) => ({ delete: { set: { family, table, name } } })),
    ],
  };
}

function elementCommands(table: string, change: ElementChange): readonly unknown[] {
  const command = (elements: readonly unknown[]) => ({
    element: { ...{ family, table, name: change.name }, elem: elements },
  });
  const [remove, add] =
    change.kind === "set" ? [change.remove, change.add] : [change.remove.map(jumpTo), change.add.map(jumpTo)];
  return [
    ...(remove.length === 0 ? [] : [{ delete: command(remove) }]),
    ...(add.length === 0 ? [] : [{ add: command(add) }]),
  ];
}

function setChange(before: NftSet | undefined, { name, type, elements }: NftSet): readonly ElementChange[] {
  if (before === undefined || before.elements === elements) return [];
  const remove = without(before.elements, elements);
  const add = without(elements, before.elements);
  return changed({ kind: "set", name, type: [type].flat() as readonly NftType[], remove, add });
}

function mapChange(
  before: NftVerdictMap | undefined,
  { name, type, elements }: NftVerdictMap,
): readonly ElementChange[] {
  if (before === undefined || before.elements === elements) return [];
  const remove = without(before.elements, elements);
  const add = without(elements, before.elements);
  return changed({ kind: "map", name, type: [type], remove, add });
}

function changed(change: ElementChange): readonly ElementChange[] {
  return change.remove.length + change.add.length === 0 ? [] : [change];
}

function without<E extends NftElement | NftJump>(elements: readonly E[], others: readonly E[]): readonly E[] {
  const known = new Set(others.map(keyOf));
  return elements.filter((element) => !known.has(keyOf(element)));
}

function keyOf(element: NftElement | NftJump): string {
  return typeof element === "string" ? element : JSON.stringify(element);
}

function sameRules(chain: NftSubchain, known: NftSubchain | undefined): boolean {
  return known !== undefined && JSON.stringify(chain.rules) === JSON.stringify(known.rules);
}

function byName<T extends { readonly name: string }>(list: readonly T[] = []): ReadonlyMap<string, T> {
  return new Map(list.map((item) => [item.name, item]));
}

function missing(
  known: ReadonlyMap<string, { readonly name: string }>,
  list: readonly { readonly name: string }[],
): readonly string[] {
  const names = new Set(list.map(({ name }) => name));
  return [...known.keys()].filter((name) => !names.has(name));
}
