import { backoffDelay } from "../backoff.ts";
import type { GuardInvariant } from "./guard-invariants.ts";

/** What the guard had to repair so far. */
export interface GuardLedger {
  /** Repairs per invariant since everything first held. */
  readonly repairs: Readonly<Partial<Record<GuardInvariant, number>>>;
  /** Repairs of one invariant with less than `calmMs` between them; `lastAt` in ms, monotonic. */
  readonly streaks: Readonly<
    Partial<Record<GuardInvariant, { readonly count: number; readonly lastAt: number }>>
  >;
}

export const emptyLedger: GuardLedger = { repairs: {}, streaks: {} };

/** An invariant that held this long is not fought over. */
export const calmMs = 10_000;
/** So many repairs without calm, and somebody else wants it otherwise. */
export const fightAfter = 5;
export const longestTruceMs = 30_000;

/**
 * The ledger after `repaired` at `at` (ms, monotonic: a truce must not last as long as a clock was set back). Making a node's
 * first state is no repair, but even that may be undone again and again: without `counts` only streaks are kept.
 */
export function recordRepairs(
  ledger: GuardLedger,
  { repaired, at }: { readonly repaired: readonly GuardInvariant[]; readonly at: number },
  counts: boolean,
): GuardLedger {
  const repairs = { ...ledger.repairs };
  const streaks = { ...ledger.streaks };
  for (const invariant of repaired) {
    const streak = streaks[invariant];
    const goesOn = streak !== undefined && at - streak.lastAt < calmMs + truceAfter(streak.count);
    streaks[invariant] = { count: goesOn ? streak.count + 1 : 1, lastAt: at };
    if (counts) repairs[invariant] = (repairs[invariant] ?? 0) + 1;
  }
  return { repairs, streaks };
}

/** Those of `broken` that are left alone at `at`, because repeated repairs did not help. */
export function underTruce(
  ledger: GuardLedger,
  broken: readonly GuardInvariant[],
  at: number,
): readonly GuardInvariant[] {
  return broken.filter((invariant) => truceLeft(ledger, invariant, at) > 0);
}

/** ms until the first of them is repaired again. */
export function shortestTruce(
  ledger: GuardLedger,
  invariants: readonly GuardInvariant[],
  at: number,
): number {
  const left = invariants.map((invariant) => truceLeft(ledger, invariant, at));
  return left.length === 0 ? 0 : Math.min(...left);
}

function truceLeft(ledger: GuardLedger, invariant: GuardInvariant, at: number): number {
  const streak = ledger.streaks[invariant];
  return streak === undefined ? 0 : streak.lastAt + truceAfter(streak.count) - at;
}

/** From 1 s at the fifth repair without calm to 30 s. */
function truceAfter(count: number): number {
  return count < fightAfter
    ? 0
    : backoffDelay(count - fightAfter, { firstMs: 1_000, maxMs: longestTruceMs }, "guard");
}
