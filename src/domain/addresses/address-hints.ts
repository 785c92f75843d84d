import { type AddressPool, poolNumbers, type RestingAddress } from "./address-pool.ts";

/**
 * What a pool remembers over a restart of the daemon: where `sequential` goes on and which addresses still rest. Only
 * hints: which addresses are in use the kernel alone says, and a lost or wrong hint never gives an address twice.
 */
export interface AddressHint {
  readonly prefix: string;
  readonly cursor: number;
  readonly resting: readonly RestingAddress[];
}

export function hintsOf(pools: readonly AddressPool[]): readonly AddressHint[] {
  return pools.map(({ prefix, cursor, resting }) => ({ prefix, cursor, resting }));
}

/** The pool with what an earlier daemon remembered of the same prefix; senseless entries are left out. */
export function withHints(pool: AddressPool, hints: readonly AddressHint[]): AddressPool {
  const hint = hints.find(({ prefix }) => prefix === pool.prefix);
  if (hint === undefined) return pool;
  const { size } = poolNumbers(pool);
  const isInside = (offset: number) => Number.isSafeInteger(offset) && offset >= 2 && offset < size + 2;
  const known = new Set(pool.used);
  const resting: RestingAddress[] = [];
  for (const { offset, sinceMs } of hint.resting.toSorted((a, b) => a.offset - b.offset)) {
    if (!isInside(offset) || !Number.isFinite(sinceMs) || known.has(offset)) continue;
    known.add(offset);
    resting.push({ offset, sinceMs });
  }
  return { ...pool, cursor: isInside(hint.cursor) ? hint.cursor : pool.cursor, resting };
}
