import { describe, expect, test } from "vitest";
import {
  calmMs,
  emptyLedger,
  fightAfter,
  type GuardLedger,
  longestTruceMs,
  recordRepairs,
  shortestTruce,
  underTruce,
} from "../../../src/domain/guard/guard-ledger.ts";

const rule = "node.ownRule";

function repaired(times: readonly number[], from: GuardLedger = emptyLedger): GuardLedger {
  return times.reduce((ledger, at) => recordRepairs(ledger, { repaired: [rule], at }, true), from);
}

describe("the guard's ledger", () => {
  test("counts each repair once the guard has held", () => {
    expect(repaired([1, 2, 3]).repairs).toEqual({ [rule]: 3 });
    expect(recordRepairs(emptyLedger, { repaired: [rule], at: 1 }, false).repairs).toEqual({});
  });

  test("calm is ten seconds, a fight five repairs, the longest truce half a minute", () => {
    expect([calmMs, fightAfter, longestTruceMs]).toEqual([10_000, 5, 30_000]);
  });

  test("the shortest truce counts, and none where nothing is broken", () => {
    const fight = repaired([1, 2, 3, 4, 5]);
    expect(shortestTruce(fight, [rule, "node.firewall"], 6)).toBe(0);
    expect(shortestTruce(fight, [], 6)).toBe(0);
  });

  test("repairs with calm between them are no fight, however many", () => {
    const ledger = repaired(Array.from({ length: 50 }, (_, index) => index * calmMs));
    expect(underTruce(ledger, [rule], 50 * calmMs)).toEqual([]);
  });

  test("the fifth repair without calm starts a truce that ends by itself", () => {
    const almost = repaired(Array.from({ length: fightAfter - 1 }, (_, index) => index));
    expect(underTruce(almost, [rule], 5)).toEqual([]);
    const fight = repaired([5], almost);
    expect(underTruce(fight, [rule, "node.firewall"], 6)).toEqual([rule]);
    const left = shortestTruce(fight, [rule], 6);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(1_000);
    expect(underTruce(fight, [rule], 6 + left)).toEqual([]);
  });

  test("each further round doubles the truce, up to half a minute", () => {
    let ledger = repaired([1, 2, 3, 4, 5]);
    let at = 5;
    const truces: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const truce = shortestTruce(ledger, [rule], at);
      truces.push(truce);
      at += truce;
      ledger = repaired([at], ledger);
    }
    expect(truces[1]).toBeGreaterThan(truces[0] ?? 0);
    expect(Math.max(...truces)).toBeLessThanOrEqual(30_000);
    expect(truces.at(-1)).toBeGreaterThan(14_000);
  });
});
