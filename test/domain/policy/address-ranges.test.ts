import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatRange, isEverything, joined, rangesOf } from "../../../src/domain/policy/address-ranges.ts";

const texts = (prefix: string, ...except: readonly string[]) =>
  rangesOf(prefix, except).map((range) => formatRange(prefix.includes(":") ? 6 : 4, range));

describe("a block without its exceptions", () => {
  test.each([
    { except: [], left: ["10.0.0.0-10.0.0.255"] },
    { except: ["10.0.0.0/25"], left: ["10.0.0.128-10.0.0.255"] },
    { except: ["10.0.0.128/25"], left: ["10.0.0.0-10.0.0.127"] },
    { except: ["10.0.0.0/24"], left: [] },
    { except: ["10.0.0.0/8"], left: [] },
    {
      except: ["10.0.0.64/26", "10.0.0.64/27", "10.0.0.96/27"],
      left: ["10.0.0.0-10.0.0.63", "10.0.0.128-10.0.0.255"],
    },
    {
      except: ["10.0.0.9/32", "10.0.0.3/32"],
      left: ["10.0.0.0-10.0.0.2", "10.0.0.4-10.0.0.8", "10.0.0.10-10.0.0.255"],
    },
    { except: ["10.0.1.0/24", "9.255.255.0/24", "fd00::/8"], left: ["10.0.0.0-10.0.0.255"] },
    { except: ["10.0.0.255/32"], left: ["10.0.0.0-10.0.0.254"] },
  ])("10.0.0.0/24 without $except", ({ except, left }) => {
    expect(texts("10.0.0.0/24", ...except)).toEqual(left);
  });

  test("of IPv6", () => {
    expect(texts("fd00::/127", "fd00::/128")).toEqual(["fd00::1-fd00::1"]);
  });
});

test("ranges are joined where they meet or touch, and no address comes or goes", () => {
  const range = fc
    .tuple(fc.bigInt(0n, 40n), fc.bigInt(0n, 9n))
    .map(([first, more]) => ({ first, last: first + more }));
  fc.assert(
    fc.property(fc.array(range, { maxLength: 8 }), (ranges) => {
      const result = joined(ranges);
      const inside = (list: typeof ranges, value: bigint) =>
        list.some(({ first, last }) => first <= value && value <= last);
      for (let value = 0n; value <= 50n; value++)
        expect(inside([...result], value)).toBe(inside(ranges, value));
      for (const [at, { first }] of result.entries())
        if (at > 0) expect(first > (result[at - 1]?.last ?? 0n) + 1n).toBe(true);
    }),
  );
});

test("everything is all addresses of a family, by one range", () => {
  expect([isEverything(4, rangesOf("0.0.0.0/0", [])), isEverything(6, rangesOf("::/0", []))]).toEqual([
    true,
    true,
  ]);
  for (const ranges of [
    [],
    rangesOf("0.0.0.0/1", []),
    rangesOf("128.0.0.0/1", []),
    rangesOf("0.0.0.0/0", ["1.1.1.1/32"]),
  ])
    expect(isEverything(4, ranges)).toBe(false);
});
