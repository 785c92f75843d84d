import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hintsOf, withHints } from "../../../src/domain/addresses/address-hints.ts";
import {
  adoptAddress,
  claimAddress,
  createPool,
  poolNumbers,
  releaseAddress,
} from "../../../src/domain/addresses/address-pool.ts";

const rules = { strategy: "sequential", nowMs: 2_000, restMs: 30_000 } as const;

describe("address hints", () => {
  test("carry the cursor and the rest over a restart", () => {
    let pool = createPool("10.244.1.0/24", 1);
    for (let index = 0; index < 10; index += 1) {
      const claim = claimAddress(pool, rules);
      if (claim.ok) pool = claim.pool;
    }
    pool = releaseAddress(pool, "10.244.1.11", rules);
    const fresh = withHints(createPool("10.244.1.0/24", 2), hintsOf([pool]));
    expect(fresh).toMatchObject({ cursor: 11, resting: [{ offset: 11, sinceMs: 2_000 }] });
    expect(claimAddress(fresh, rules)).toMatchObject({ address: "10.244.1.12" });
  });

  test("of another prefix are ignored", () => {
    const pool = createPool("10.244.1.0/24", 1);
    expect(withHints(pool, hintsOf([createPool("10.244.2.0/24", 1, 77)]))).toBe(pool);
  });

  test("count from the first address to give to the last one, each once, in order", () => {
    const pool = adoptAddress(createPool("10.244.1.0/29", 1, 3), "10.244.1.4");
    const hinted = (cursor: number, ...offsets: number[]) => {
      const resting = offsets.map((offset, index) => ({ offset, sinceMs: index }));
      return withHints(pool, [{ prefix: pool.prefix, cursor, resting }]);
    };
    expect(hinted(2, 6, 2, 6, 1, 7, 4, 2.5).resting).toEqual([
      { offset: 2, sinceMs: 1 },
      { offset: 6, sinceMs: 0 },
    ]);
    expect([1, 2, 6, 7].map((cursor) => hinted(cursor).cursor)).toEqual([4, 2, 6, 4]);
  });

  test("whatever they say, no used address is given and the pool stays whole", () => {
    const resting = fc.array(
      fc.record({ offset: fc.oneof(fc.integer(), fc.double()), sinceMs: fc.double() }),
    );
    fc.assert(
      fc.property(resting, fc.oneof(fc.integer(), fc.double()), (entries, cursor) => {
        const pool = adoptAddress(createPool("10.244.1.0/29", 1), "10.244.1.3");
        const hinted = withHints(pool, [{ prefix: "10.244.1.0/29", cursor, resting: entries }]);
        const { size, used, resting: count } = poolNumbers(hinted);
        expect(used + count).toBeLessThanOrEqual(size);
        let now = hinted;
        const given = new Set(["10.244.1.3"]);
        for (let index = 0; index < 4; index += 1) {
          const claim = claimAddress(now, rules);
          if (!claim.ok) throw new Error("the pool is exhausted too early");
          expect(given.has(claim.address)).toBe(false);
          given.add(claim.address);
          now = claim.pool;
        }
        expect(claimAddress(now, rules).ok).toBe(false);
      }),
    );
  });
});
