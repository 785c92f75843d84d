import { backoffDelay } from "./backoff.ts";
import type { GuardInvariant } from "./guard-invariants.ts";

/** What the guard had to mend so far. */
export interface GuardLedger {
  /** Repairs per invariant since the daemon started. */
  readonly repairs: Readonly<Partial<Record<GuardInvariant, number>>>;
  /** Repairs of one invariant with less than `calmMs` between them; `lastAt` in ms since the epoch. */
  readonly streaks: Readonly<
    Partial<Record<GuardInvariant, { readonly count: number; readonly lastAt: number }>>
  >;
}

export const emptyLedger: GuardLedger = { repairs: {}, streaks: {} };

/** An invariant that held this long is not fought over. */
export const calmMs = 10_000;
/** So many repairs without calm, and somebody else wants it otherwise. */
export const fightAfter = 5;

/** The ledger after `mended` at `at` (ms since the epoch). */
export function recordRepairs(
  ledger: GuardLedger,
  mended: readonly GuardInvariant[],
  at: number,
): GuardLedger {
  const repairs = { ...ledger.repairs };
  const streaks = { ...ledger.streaks };
  for (const invariant of mended) {
    const streak = streaks[invariant];
    const goesOn = streak !== undefined && at - streak.lastAt < calmMs + fightDelay(streak.count);
    streaks[invariant] = { count: goesOn ? streak.count + 1 : 1, lastAt: at };
    repairs[invariant] = (repairs[invariant] ?? 0) + 1;
  }
  return { repairs, streaks };
}

/** Those of `broken` that break again each time they are mended, judged at `at`. */
export function foughtOver(
  ledger: GuardLedger,
  broken: readonly GuardInvariant[],
  at: number,
): readonly GuardInvariant[] {
  return broken.filter((invariant) => {
    const streak = ledger.streaks[invariant];
    return (
      streak !== undefined &&
      streak.count >= fightAfter &&
      at - streak.lastAt < calmMs + fightDelay(streak.count)
    );
  });
}

/** How long to leave it alone before the next repair, in ms: from 1 s to 30 s. */
export function fightDelay(count: number): number {
  return count < fightAfter
    ? 0
    : backoffDelay(count - fightAfter, { firstMs: 1_000, mostMs: 30_000 }, "guard");
}

/** The wait for the most contested of them. */
export function longestFightDelay(ledger: GuardLedger, fought: readonly GuardInvariant[]): number {
  return Math.max(0, ...fought.map((invariant) => fightDelay(ledger.streaks[invariant]?.count ?? 0)));
}
