import { findSorted, withoutSorted, withSorted } from "../sorted-list.ts";
import { hashWords } from "../stable-hash.ts";
import { addressAt, containsAddress, type Prefix, parseAddress, parsePrefix, prefixSize } from "./prefix.ts";

/** In which order free addresses are given: round robin, by chance, or always the lowest. */
export type PoolStrategy = "sequential" | "random" | "dense";

/** A released address, unused until its time of rest is over, so that peers forget its last owner. */
export interface RestingAddress {
  readonly offset: number;
  readonly sinceMs: number;
}

/**
 * The addresses of one prefix, as plain data. Addresses are offsets from the prefix's base; neither a /16 nor a /64 is
 * ever written out. An address is used from its claim until the kernel has let its link go: only then is it released.
 */
export interface AddressPool {
  readonly prefix: string;
  /** In ascending order. */
  readonly used: readonly number[];
  /** In ascending order of offset. */
  readonly resting: readonly RestingAddress[];
  /** Offset given last: where `sequential` goes on. */
  readonly cursor: number;
  /** State of the pseudo-random sequence of `random`, a 32-bit number. */
  readonly seed: number;
}

/** How a claim chooses; times in ms of one clock that also stamps releases. */
export interface ClaimRules {
  readonly strategy: PoolStrategy;
  readonly nowMs: number;
  readonly restMs: number;
  /** An address that rests is not given, though it be the last: others may let pass what its last owner may. */
  readonly keepsRest?: boolean;
}

/** What a pool has to say about itself: `used + resting <= size`. */
export interface PoolNumbers {
  readonly prefix: string;
  readonly size: number;
  readonly used: number;
  readonly resting: number;
}

export type Claim =
  | { readonly ok: true; readonly pool: AddressPool; readonly address: string }
  | { readonly ok: false; readonly exhausted: PoolNumbers };

/** Offsets beyond this are never given: a number holds them exactly, and no node runs so many pods. */
const maxOffsets = 2 ** 48;
/** Base address and router address (prefix.ts) come first. */
const firstOffset = 2;
/** Rested entries are dropped each time their number passes a multiple of this: a look at all of them is not for every DEL. */
const restingBetweenSweeps = 256;

/** An empty pool. `seed` is any 32-bit number; `cursor` a hint from an earlier run. */
export function createPool(prefix: string, seed: number, cursor = 0): AddressPool {
  return { prefix, used: [], resting: [], cursor, seed: seed >>> 0 };
}

/** Size and occupation; the size leaves out base, router and (IPv4) broadcast address and is capped at 2^48. */
export function poolNumbers(pool: AddressPool): PoolNumbers {
  const { used, resting } = pool;
  return {
    prefix: pool.prefix,
    size: sizeOf(parsePrefix(pool.prefix)),
    used: used.length,
    resting: resting.length,
  };
}

/**
 * Gives an address that nobody uses. Never-used and fully rested ones come first, in the order of the strategy; when
 * only resting ones are left, the one that has rested longest, if that may be.
 */
export function claimAddress(pool: AddressPool, rules: ClaimRules): Claim {
  const prefix = parsePrefix(pool.prefix);
  const size = sizeOf(prefix);
  const seed = rules.strategy === "random" ? nextSeed(pool.seed) : pool.seed;
  const offset =
    nextFree(pool, startOf(rules.strategy, pool, size, seed), size, rules) ??
    (rules.keepsRest === true ? undefined : longestRested(pool));
  if (offset === undefined) return { ok: false, exhausted: poolNumbers(pool) };
  return {
    ok: true,
    address: addressAt(prefix, BigInt(offset)),
    pool: {
      ...pool,
      used: withSorted(pool.used, offset, itself),
      resting: withoutSorted(pool.resting, offset, offsetField),
      cursor: offset,
      seed,
    },
  };
}

/** Marks an address as used that the kernel already holds (start-up); one that this pool could never give is ignored. */
export function adoptAddress(pool: AddressPool, address: string): AddressPool {
  const offset = offsetOf(pool, address);
  if (offset === undefined) return pool;
  return {
    ...pool,
    used: withSorted(pool.used, offset, itself),
    resting: withoutSorted(pool.resting, offset, offsetField),
    cursor: Math.max(pool.cursor, offset),
  };
}

/** Takes an address back once its link is gone from the kernel; it rests from `nowMs` on. Unused ones stay as they are. */
export function releaseAddress(
  pool: AddressPool,
  address: string,
  rules: Pick<ClaimRules, "nowMs" | "restMs">,
): AddressPool {
  const offset = offsetOf(pool, address);
  const used = offset === undefined ? pool.used : withoutSorted(pool.used, offset, itself);
  if (offset === undefined || used === pool.used) return pool;
  const { resting } = pool;
  const isSweepDue = resting.length % restingBetweenSweeps === 0;
  const kept = isSweepDue ? resting.filter((entry) => !isRested(entry, rules)) : resting;
  return { ...pool, used, resting: withSorted(kept, { offset, sinceMs: rules.nowMs }, offsetField) };
}

function sizeOf(prefix: Prefix): number {
  const usable = Number(prefixSize(prefix)) - firstOffset - (prefix.family === 4 ? 1 : 0);
  return Math.min(Math.max(usable, 0), maxOffsets);
}

function offsetOf(pool: AddressPool, address: string): number | undefined {
  const prefix = parsePrefix(pool.prefix);
  if (!containsAddress(prefix, address)) return undefined;
  const offset = parseAddress(address).value - prefix.base;
  const inside = offset >= firstOffset && offset < BigInt(firstOffset) + BigInt(sizeOf(prefix));
  return inside ? Number(offset) : undefined;
}

function startOf(strategy: PoolStrategy, pool: AddressPool, size: number, seed: number): number {
  switch (strategy) {
    case "sequential":
      return pool.cursor + 1;
    case "random":
      return firstOffset + Math.floor(fraction(seed) * size);
    case "dense":
      return firstOffset;
    default: {
      const unhandled: never = strategy;
      return unhandled;
    }
  }
}

/** The first offset from `start` on, wrapping at the end, that is neither used nor still resting. */
function nextFree(pool: AddressPool, start: number, size: number, rules: ClaimRules): number | undefined {
  const end = firstOffset + size;
  // Each offset passed over is used or resting, so this many steps meet a free one if there is any.
  const steps = Math.min(size, pool.used.length + pool.resting.length + 1);
  let offset = start;
  for (let step = 0; step < steps; step += 1, offset += 1) {
    if (offset < firstOffset || offset >= end) offset = firstOffset;
    if (isFree(pool, offset, rules)) return offset;
  }
  return undefined;
}

function isFree(pool: AddressPool, offset: number, rules: ClaimRules): boolean {
  if (findSorted(pool.used, offset, itself) !== undefined) return false;
  const resting = findSorted(pool.resting, offset, offsetField);
  return resting === undefined || isRested(resting, rules);
}

function isRested(entry: RestingAddress, rules: Pick<ClaimRules, "nowMs" | "restMs">): boolean {
  return rules.nowMs - entry.sinceMs >= rules.restMs;
}

function longestRested(pool: AddressPool): number | undefined {
  let oldest: RestingAddress | undefined;
  for (const entry of pool.resting) {
    if (oldest === undefined || entry.sinceMs < oldest.sinceMs) oldest = entry;
  }
  return oldest?.offset;
}

/** Full-period linear congruential step (Numerical Recipes, "quick and dirty" generators). */
function nextSeed(seed: number): number {
  return (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
}

/** In [0, 1) with 48 bits: the low bits of a linear congruential sequence alone would repeat too soon. */
function fraction(seed: number): number {
  const [high, low] = hashWords(String(seed));
  return (high * 2 ** 16 + (low >>> 16)) / 2 ** 48;
}

function itself(value: number): number {
  return value;
}

function offsetField(entry: RestingAddress): number {
  return entry.offset;
}
