import type { NftJump, NftTable } from "../../../src/domain/nftables/nft-table.ts";
import type { ElementChange, TableChange } from "../../../src/domain/policy/table-change.ts";

/** What the kernel makes of a change: refuses, by throwing, what is not there and what is there twice. */
export function applyTableChange(table: NftTable, { rules, elements }: TableChange): NftTable {
  const { sets = [], maps = [], subchains = [] } = table;
  const replaced = new Set(rules?.chains.map(({ name }) => name));
  const changed: NftTable = {
    ...table,
    sets: sets.map((set) => ({ ...set, elements: changedElements(set, "set", elements) })),
    maps: maps.map((map) => ({ ...map, elements: changedElements(map, "map", elements) })),
  };
  for (const { name } of elements)
    if (![...sets, ...maps].some((one) => one.name === name)) throw new Error(`no set ${name}`);
  if (rules === undefined) return changed;
  const goes = (names: readonly string[]) => (one: { readonly name: string }) => !names.includes(one.name);
  const result: NftTable = {
    ...changed,
    sets: [...(changed.sets ?? []), ...rules.newSets].filter(goes(rules.goneSets)),
    subchains: [...subchains.filter(({ name }) => !replaced.has(name)), ...rules.chains].filter(
      goes(rules.goneChains),
    ),
  };
  const names = [...(result.sets ?? []), ...(result.maps ?? [])].map(({ name }) => name);
  if (new Set(names).size !== names.length) throw new Error(`a set twice: ${names}`);
  return result;
}

function changedElements<E>(
  { name, elements }: { readonly name: string; readonly elements: readonly E[] },
  kind: ElementChange["kind"],
  changes: readonly ElementChange[],
): readonly E[] {
  // A map has one verdict for a key.
  const keyOf = (element: E) => JSON.stringify(kind === "map" ? (element as NftJump)[0] : element);
  const present = new Map(elements.map((element) => [keyOf(element), element]));
  for (const change of changes.filter((one) => one.name === name)) {
    if (change.kind !== kind) throw new Error(`${name} is no ${change.kind}`);
    for (const element of change.remove as readonly E[]) {
      const found = present.get(keyOf(element));
      if (JSON.stringify(found) !== JSON.stringify(element)) throw new Error(`${name} has no ${element}`);
      present.delete(keyOf(element));
    }
    for (const element of change.add as readonly E[]) {
      if (present.has(keyOf(element))) throw new Error(`${name} has ${element} already`);
      present.set(keyOf(element), element);
    }
  }
  return [...present.values()];
}

/** In one order, so that tables with the same content are equal. */
export function sorted(table: NftTable): unknown {
  const byText = <T>(list: readonly T[] = []): readonly T[] =>
    list.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return {
    ...table,
    sets: byText(table.sets?.map((set) => ({ ...set, elements: byText(set.elements) }))),
    maps: byText(table.maps?.map((map) => ({ ...map, elements: byText(map.elements) }))),
    subchains: byText(table.subchains),
  };
}
