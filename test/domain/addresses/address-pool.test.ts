import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AddressPool,
  adoptAddress,
  type Claim,
  claimAddress,
  createPool,
  type PoolStrategy,
  poolNumbers,
  releaseAddress,
} from "../../../src/domain/addresses/address-pool.ts";
import { containsAddress, parsePrefix } from "../../../src/domain/addresses/prefix.ts";

const rules = (strategy: PoolStrategy, nowMs = 0, restMs = 30_000) => ({ strategy, nowMs, restMs });

function claimed(claim: Claim): { readonly pool: AddressPool; readonly address: string } {
  if (!claim.ok) throw new Error("the pool is exhausted");
  return claim;
}

function claimMany(
  start: AddressPool,
  count: number,
  strategy: PoolStrategy,
): { pool: AddressPool; addresses: string[] } {
  let pool = start;
  const addresses: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const claim = claimed(claimAddress(pool, rules(strategy)));
    pool = claim.pool;
    addresses.push(claim.address);
  }
  return { pool, addresses };
}

describe("address pool", () => {
  test("gives neither base, router nor broadcast address of a /29", () => {
    const { pool, addresses } = claimMany(createPool("10.0.0.8/29", 1), 5, "dense");
    expect(addresses).toEqual(["10.0.0.10", "10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14"]);
    expect(claimAddress(pool, rules("dense"))).toEqual({
      ok: false,
      exhausted: { prefix: "10.0.0.8/29", size: 5, used: 5, resting: 0 },
    });
  });

  test.each([
    ["10.0.0.0/16", 65_533],
    ["10.0.0.0/30", 1],
    ["10.0.0.0/31", 0],
    ["10.0.0.1/32", 0],
    ["fd00::/120", 254],
    ["fd00::/64", 2 ** 48],
  ])("%s has %i addresses to give", (prefix, size) => {
    expect(poolNumbers(createPool(prefix, 1)).size).toBe(size);
  });

  test("a pool without addresses gives none", () => {
    for (const strategy of ["sequential", "random", "dense"] as const)
      expect(claimAddress(createPool("10.0.0.0/31", 1), rules(strategy)).ok).toBe(false);
  });

  test("starts empty, at the hint of an earlier run, with 32 bits of seed", () => {
    const pool = { prefix: "10.0.0.0/24", used: [], resting: [], cursor: 0, seed: 2 ** 32 - 1 };
    expect(createPool("10.0.0.0/24", -1)).toEqual(pool);
    expect(createPool("10.0.0.0/24", -1, 9)).toEqual({ ...pool, cursor: 9 });
  });

  test("sequential goes on after the last address, past a released one, and wraps", () => {
    let { pool } = claimMany(createPool("10.0.0.0/29", 1), 3, "sequential");
    pool = releaseAddress(pool, "10.0.0.3", { nowMs: 0, restMs: 0 });
    const next = claimMany(pool, 3, "sequential");
    expect(next.addresses).toEqual(["10.0.0.5", "10.0.0.6", "10.0.0.3"]);
  });

  test("dense gives the lowest free address", () => {
    let { pool } = claimMany(createPool("10.0.0.0/24", 1), 10, "dense");
    pool = releaseAddress(pool, "10.0.0.4", { nowMs: 0, restMs: 0 });
    expect(claimed(claimAddress(pool, rules("dense", 0, 0))).address).toBe("10.0.0.4");
  });

  test("where rest is kept, an address that rests is refused until it has rested", () => {
    const { pool } = claimMany(createPool("10.0.0.0/30", 1), 1, "dense");
    const resting = releaseAddress(pool, "10.0.0.2", { nowMs: 0, restMs: 30_000 });
    const keeping = (nowMs: number) => claimAddress(resting, { ...rules("dense", nowMs), keepsRest: true });
    expect(keeping(29_999)).toMatchObject({ ok: false, exhausted: { resting: 1 } });
    expect(claimed(keeping(30_000)).address).toBe("10.0.0.2");
    expect(claimed(claimAddress(resting, rules("dense", 1))).address).toBe("10.0.0.2");
  });

  test("random spreads over a /64 and repeats with the same seed only", () => {
    const first = claimMany(createPool("fd00::/64", 7), 50, "random").addresses;
    expect(claimMany(createPool("fd00::/64", 7), 50, "random").addresses).toEqual(first);
    expect(claimMany(createPool("fd00::/64", 8), 50, "random").addresses).not.toEqual(first);
    expect(new Set(first.map((address) => address.split(":").slice(0, 6).join(":"))).size).toBeGreaterThan(
      40,
    );
  });

  test("the seed of random goes through the sequence that Numerical Recipes prints, others leave it", () => {
    let pool = createPool("fd00::/64", 0);
    for (const seed of [0x3c6ef35f, 0x47502932, 0xd1ccf6e9, 0xaaf95334, 0x6252e503]) {
      pool = claimed(claimAddress(pool, rules("random"))).pool;
      expect(pool.seed).toBe(seed);
    }
    expect(claimed(claimAddress(pool, rules("dense"))).pool.seed).toBe(pool.seed);
  });

  test("random reaches every eighth of the pool", () => {
    const { used } = claimMany(createPool("fd00::/64", 1), 100, "random").pool;
    expect(new Set(used.map((offset) => Math.floor(offset / 2 ** 45))).size).toBe(8);
  });

  test("a released address rests, and is given again once rested", () => {
    const full = claimMany(createPool("10.0.0.0/28", 1), 12, "dense").pool;
    const pool = releaseAddress(full, "10.0.0.2", { nowMs: 1_000, restMs: 30_000 });
    expect(claimed(claimAddress(pool, rules("dense", 2_000))).address).toBe("10.0.0.14");
    expect(claimed(claimAddress(pool, rules("dense", 31_000))).address).toBe("10.0.0.2");
  });

  test("with only resting addresses left the longest-rested is given", () => {
    let { pool } = claimMany(createPool("10.0.0.0/29", 1), 5, "sequential");
    pool = releaseAddress(pool, "10.0.0.4", { nowMs: 100, restMs: 30_000 });
    pool = releaseAddress(pool, "10.0.0.2", { nowMs: 200, restMs: 30_000 });
    expect(claimed(claimAddress(pool, rules("sequential", 300))).address).toBe("10.0.0.4");
  });

  test("the time of rest begins with the release; of two that rest equally long the lower is given", () => {
    let { pool } = claimMany(createPool("10.0.0.0/28", 1), 12, "dense");
    pool = releaseAddress(pool, "10.0.0.5", { nowMs: 40_000, restMs: 30_000 });
    expect(claimed(claimAddress(pool, rules("dense", 69_999))).address).toBe("10.0.0.14");
    pool = claimed(claimAddress(pool, rules("dense", 69_999))).pool;
    pool = releaseAddress(pool, "10.0.0.7", { nowMs: 40_000, restMs: 30_000 });
    expect(claimed(claimAddress(pool, rules("sequential", 40_000))).address).toBe("10.0.0.5");
  });

  test("an address whose link is not gone yet is never given", () => {
    const { pool } = claimMany(createPool("10.0.0.0/29", 1), 5, "sequential");
    expect(claimAddress(pool, rules("sequential", 1e9)).ok).toBe(false);
  });

  test("recovered addresses are not given again; foreign ones are ignored", () => {
    let pool = createPool("10.0.0.0/29", 1);
    for (const address of ["10.0.0.2", "10.0.0.5", "10.9.9.9", "10.0.0.1", "fd00::5"])
      pool = adoptAddress(pool, address);
    expect(poolNumbers(pool)).toMatchObject({ used: 2, resting: 0 });
    expect(claimMany(pool, 3, "dense").addresses).toEqual(["10.0.0.3", "10.0.0.4", "10.0.0.6"]);
  });

  test("an adopted address rests no more, and moves the cursor forward only", () => {
    const { pool } = claimMany(createPool("10.0.0.0/28", 1), 3, "dense");
    const rested = releaseAddress(pool, "10.0.0.3", { nowMs: 5, restMs: 30_000 });
    const adopted = adoptAddress(rested, "10.0.0.3");
    expect(poolNumbers(adopted)).toMatchObject({ used: 3, resting: 0 });
    expect(adopted.cursor).toBe(4);
    expect(adoptAddress(adopted, "10.0.0.9").cursor).toBe(9);
  });

  test("the last address is given and taken back, the broadcast address is neither", () => {
    const full = claimMany(createPool("10.0.0.0/29", 1), 5, "dense").pool;
    expect(releaseAddress(full, "10.0.0.6", { nowMs: 0, restMs: 0 }).used).toEqual([2, 3, 4, 5]);
    expect(adoptAddress(createPool("10.0.0.0/29", 1), "10.0.0.7").used).toEqual([]);
    expect(adoptAddress(createPool("fd00::/125", 1), "fd00::7").used).toEqual([7]);
  });

  test("releasing twice, or what was never given, changes nothing", () => {
    const { pool } = claimMany(createPool("10.0.0.0/29", 1), 1, "dense");
    const once = releaseAddress(pool, "10.0.0.2", { nowMs: 5, restMs: 30_000 });
    expect(releaseAddress(once, "10.0.0.2", { nowMs: 9, restMs: 30_000 })).toBe(once);
    expect(releaseAddress(once, "10.0.0.6", { nowMs: 9, restMs: 30_000 })).toBe(once);
  });

  test("rested entries are swept, so a /64 under endless churn stays small", () => {
    let pool = createPool("fd00::/64", 3);
    for (let nowMs = 0; nowMs < 5_000; nowMs += 1) {
      const claim = claimed(claimAddress(pool, { strategy: "random", nowMs, restMs: 100 }));
      pool = releaseAddress(claim.pool, claim.address, { nowMs, restMs: 100 });
    }
    expect(pool.resting.length).toBeLessThanOrEqual(257);
  });

  test("only every 256th of those that rest makes the pool look at all of them", () => {
    let { pool } = claimMany(createPool("10.0.0.0/16", 1), 257, "dense");
    const addresses = pool.used.map((offset) => `10.0.${offset >> 8}.${offset & 255}`);
    const left = addresses.map((address, index) => {
      pool = releaseAddress(pool, address, { nowMs: index * 1_000, restMs: 1 });
      return pool.resting.length;
    });
    expect(left).toEqual([...Array.from({ length: 256 }, (_, index) => index + 1), 1]);
  });

  test("stays plain JSON", () => {
    const { pool } = claimMany(createPool("fd00::/64", 3), 20, "random");
    expect(JSON.parse(JSON.stringify(pool))).toEqual(pool);
  });
});

type Step =
  | { readonly act: "claim" }
  | { readonly act: "release"; readonly which: number }
  | { readonly act: "adopt"; readonly last: number }
  | { readonly act: "wait"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ act: "claim" as const }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("release" as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constant("adopt" as const), last: fc.integer({ min: 0, max: 31 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 50_000 }) }),
  },
);

/** A /27 with 29 addresses to give, and a plain set of what is held as the truth to compare it with. */
function history(strategy: PoolStrategy, seed: number) {
  const prefix = parsePrefix("10.1.2.0/27");
  const held = new Set<string>();
  let pool = createPool("10.1.2.0/27", seed);
  let nowMs = 0;
  const acts = {
    wait: (ms: number) => {
      nowMs += ms;
    },
    adopt: (last: number) => {
      pool = adoptAddress(pool, `10.1.2.${last}`);
      if (last >= 2 && last < 31) held.add(`10.1.2.${last}`);
    },
    release: (which: number) => {
      const address = [...held][which % Math.max(held.size, 1)];
      if (address === undefined) return;
      pool = releaseAddress(pool, address, { nowMs, restMs: 30_000 });
      held.delete(address);
    },
    claim: () => {
      const claim = claimAddress(pool, rules(strategy, nowMs));
      expect(claim.ok).toBe(held.size < 29);
      if (!claim.ok) return;
      expect(held.has(claim.address)).toBe(false);
      expect(containsAddress(prefix, claim.address)).toBe(true);
      held.add(claim.address);
      pool = claim.pool;
    },
  };
  return { acts, held, numbers: () => poolNumbers(pool) };
}

describe("any history of claims and releases", () => {
  test.each(["sequential", "random", "dense"] as const)(
    "%s never gives an address twice and refuses only when full",
    (strategy) => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 120 }), fc.nat(), (steps, seed) => {
          const { acts, held, numbers } = history(strategy, seed);
          for (const now of steps) {
            if (now.act === "wait") acts.wait(now.ms);
            else if (now.act === "adopt") acts.adopt(now.last);
            else if (now.act === "release") acts.release(now.which);
            else acts.claim();
            expect(numbers().used).toBe(held.size);
            expect(numbers().used + numbers().resting).toBeLessThanOrEqual(numbers().size);
          }
        }),
      );
    },
  );
});
