import { expect, test } from "vitest";
import { boundedCopy } from "../../../src/observe/inspector/bounded-copy.ts";

const bounds = { values: 100, depth: 3, text: 10, elements: 3 };
const copy = (value: unknown, changes: Partial<typeof bounds> = {}) =>
  boundedCopy(value, { ...bounds, ...changes }, (text) => text.replaceAll("secret", "******"));

test("plain values stay, other things become their kind", () => {
  const value = { a: 1, b: "text", c: true, d: null, e: undefined, f: () => 1, g: 5n, h: Symbol("x") };
  expect(copy(value)).toEqual({
    ...{ a: 1, b: "text", c: true, d: null, e: undefined },
    ...{ f: "[function]", g: "[bigint]", h: "[symbol]" },
  });
});

test("a text of the limit stays, a longer one is cut and tells its length", () => {
  expect(copy("0123456789")).toBe("0123456789");
  expect(copy("0123456789a")).toBe("0123456789… (11 characters)");
  expect(copy({ "0123456789a": 1 })).toEqual({ "0123456789… (11 characters)": 1 });
});

test("a key that the cut would divide is redacted before it", () => {
  expect(copy("01234567secret and more")).toBe("01234567**… (23 characters)");
  expect(copy(`${"0".repeat(40)}secret`)).toBe("0000000000… (46 characters)");
});

test("lists, depth and the number of values end at their limits, and say so", () => {
  expect(copy([1, 2, 3])).toEqual([1, 2, 3]);
  expect(copy([1, 2, 3, 4, 5])).toEqual([1, 2, 3, "… 2 more"]);
  expect(copy([undefined])).toEqual([null]);
  expect(copy({ a: { b: { c: { d: 1 } } } })).toEqual({ a: { b: { c: "{…}" } } });
  expect(copy({ a: { b: { c: [1, 2] } } })).toEqual({ a: { b: { c: "[2 elements]" } } });
  expect(copy({ a: 1, b: 2, c: 3 }, { values: 3 })).toEqual({ a: 1, b: 2, "…": "1 more" });
  expect(copy([1, 2, 3], { values: 3 })).toEqual([1, 2, "… 1 more"]);
});

test("actors, errors, collections, bytes and what has a JSON form are told as such", () => {
  const actor = { sessionId: "x:1", send: () => undefined };
  expect(copy([actor, { ...actor, id: "pod" }])).toEqual(["→ x:1", "→ pod"]);
  expect(copy(new Error("no"))).toBe("Error: no");
  const wide = { text: 40 };
  expect(copy([new Map([[1, 2]]), new Set(), new Uint8Array(7)], wide)).toEqual([
    ...["[Map of 1]", "[Set of 0]", "[7 bytes]"],
  ]);
  expect(copy([{ toJSON: () => ({ a: 1 }) }, { toJSON: () => null }, { toJSON: () => 5 }])).toEqual([
    ...[{ a: 1 }, "null", "5"],
  ]);
});
