/** Lists in ascending order, searched by halving. Changes give a new list; what is already so gives the same one. */

/** Where the first item stands that is not before what is sought, or where that would have to be put. */
export function positionOf<T>(list: readonly T[], isBefore: (item: T) => boolean): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = list[middle];
    if (item !== undefined && isBefore(item)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The item of exactly this rank, the number that the list is in the order of. */
export function findSorted<T>(list: readonly T[], rank: number, rankOf: (item: T) => number): T | undefined {
  const item = list[positionOf(list, (one) => rankOf(one) < rank)];
  return item !== undefined && rankOf(item) === rank ? item : undefined;
}

/** With `item`, which takes the place of one of equal rank. */
export function withSorted<T>(list: readonly T[], item: T, rankOf: (item: T) => number): readonly T[] {
  const rank = rankOf(item);
  const position = positionOf(list, (one) => rankOf(one) < rank);
  const present = list[position];
  return list.toSpliced(position, present !== undefined && rankOf(present) === rank ? 1 : 0, item);
}

/** Without the item of this rank. */
export function withoutSorted<T>(
  list: readonly T[],
  rank: number,
  rankOf: (item: T) => number,
): readonly T[] {
  const position = positionOf(list, (one) => rankOf(one) < rank);
  const present = list[position];
  return present !== undefined && rankOf(present) === rank ? list.toSpliced(position, 1) : list;
}
