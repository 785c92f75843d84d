import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffDelay } from "../../src/domain/backoff.ts";

const range = { firstMs: 1000, maxMs: 60_000 };

test("each wait lies between half and the whole of the doubled first wait, up to the most", () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.string(), (attempt, seed) => {
      const whole = Math.min(1000 * 2 ** Math.min(attempt, 30), 60_000);
      const waitMs = backoffDelay(attempt, range, seed);
      expect(waitMs).toBeGreaterThanOrEqual(whole / 2);
      expect(waitMs).toBeLessThanOrEqual(whole);
    }),
  );
});

test("nodes that failed together spread over the whole range", () => {
  const waits = Array.from({ length: 1000 }, (_, node) => backoffDelay(6, range, `n${node}`));
  const quarters = [30_000, 37_500, 45_000, 52_500].map(
    (from) => waits.filter((waitMs) => waitMs >= from && waitMs < from + 7500).length,
  );
  for (const count of quarters) expect(count).toBeGreaterThan(200);
});

test("the same node with the same history waits the same time", () => {
  expect(backoffDelay(3, range, "n1")).toBe(backoffDelay(3, range, "n1"));
});
