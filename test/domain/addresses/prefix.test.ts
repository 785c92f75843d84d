import { expect, test } from "vitest";
import {
  addressAt,
  byPlace,
  containsAddress,
  containsPrefix,
  formatAddress,
  formatPrefix,
  hostPrefix,
  overlaps,
  PrefixError,
  parseAddress,
  parsePrefix,
  prefixSize,
  readPrefix,
  routerAddress,
} from "../../../src/domain/addresses/prefix.ts";

test.each([
  ["10.244.1.7", 4, 0x0af4_0107n],
  ["255.255.255.255", 4, 0xffff_ffffn],
  ["fd00::1:2", 6, 0xfd00_0000_0000_0000_0000_0000_0001_0002n],
] as const)("%s is an address", (text, family, value) => {
  expect(parseAddress(text)).toEqual({ family, value });
  expect(formatAddress(family, value)).toBe(text);
});

test.each(["", "10.1", "1.2.3.4.5", "0x7f.0.0.1", "256.1.1.1", "fe80::1%eth0", "fd00:::", "name"])(
  '"%s" is none',
  (text) => {
    expect(() => parseAddress(text)).toThrow(
      expect.objectContaining({ detail: { code: "BAD_ADDRESS", text } }),
    );
  },
);

test.each([
  ["10.244.0.0/16", { family: 4, base: 0x0af4_0000n, length: 16 }],
  ["0.0.0.0/0", { family: 4, base: 0n, length: 0 }],
  ["10.0.0.1/32", { family: 4, base: 0x0a00_0001n, length: 32 }],
  ["fd00::/8", { family: 6, base: 0xfdn << 120n, length: 8 }],
  ["fd00::1/128", { family: 6, base: (0xfdn << 120n) + 1n, length: 128 }],
] as const)("%s is a prefix", (text, prefix) => {
  expect(parsePrefix(text)).toEqual(prefix);
  expect(formatPrefix(prefix)).toBe(text);
});

test.each([
  ["10.0.0.0", "BAD_PREFIX"],
  ["10.0.0.0/", "BAD_PREFIX"],
  ["10.0.0.0/8/8", "BAD_PREFIX"],
  ["10.0.0.0/33", "BAD_PREFIX"],
  ["fd00::/129", "BAD_PREFIX"],
  ["10.0.0.0/-1", "BAD_PREFIX"],
  ["/8", "BAD_ADDRESS", ""],
  ["10.0.0/8", "BAD_ADDRESS", "10.0.0"],
])("%s is none: %s", (text, code, wrong = text) => {
  expect(() => parsePrefix(text)).toThrow(expect.objectContaining({ detail: { code, text: wrong } }));
  expect(() => parsePrefix(text)).toThrow(PrefixError);
  expect(readPrefix(text)).toBeUndefined();
});

test("host bits are refused with the prefix that is meant", () => {
  expect(() => parsePrefix("10.244.1.7/24")).toThrow(
    expect.objectContaining({ detail: { code: "HOST_BITS", text: "10.244.1.7/24", meant: "10.244.1.0/24" } }),
  );
});

test("an address alone is a prefix of all its bits", () => {
  expect([hostPrefix("10.0.0.1"), hostPrefix("fd00::1")]).toEqual(["10.0.0.1/32", "fd00::1/128"]);
});

test.each([
  ["10.0.0.0/8", "10.244.0.0/16", true],
  ["10.244.0.0/16", "10.244.0.0/16", true],
  ["10.244.0.0/16", "10.0.0.0/8", false],
  ["10.244.0.0/16", "10.245.0.0/17", false],
  ["10.244.0.0/16", "10.244.255.255/32", true],
  ["0.0.0.0/0", "::/0", false],
  ["::/0", "fd00::/8", true],
  ["fd00::/8", "::/0", false],
])("%s contains %s: %s", (outer, inner, expected) => {
  expect(containsPrefix(parsePrefix(outer), parsePrefix(inner))).toBe(expected);
});

test.each([
  ["10.0.0.0/8", "10.244.0.0/16", true],
  ["10.244.0.0/16", "10.0.0.0/8", true],
  ["10.244.0.0/16", "10.245.0.0/16", false],
])("%s overlaps %s: %s", (a, b, expected) => {
  expect(overlaps(parsePrefix(a), parsePrefix(b))).toBe(expected);
});

test.each([
  ["10.244.1.0/24", "10.244.1.255", true],
  ["10.244.1.0/24", "10.244.2.0", false],
  ["0.0.0.0/0", "fd00::1", false],
  ["fd00::/8", "fdff::1", true],
])("%s holds %s: %s", (prefix, address, expected) => {
  expect(containsAddress(parsePrefix(prefix), address)).toBe(expected);
});

test("prefixes stand by family and address, the wider one first", () => {
  const sorted = ["10.0.0.0/8", "10.0.0.0/16", "10.1.0.0/16", "192.168.0.0/16", "::/0", "fd00::/8"];
  const shuffled = [5, 2, 0, 4, 3, 1].map((index) => parsePrefix(sorted[index] ?? ""));
  expect(shuffled.toSorted(byPlace).map(formatPrefix)).toEqual(sorted);
  expect(byPlace(parsePrefix("10.0.0.0/8"), parsePrefix("10.0.0.0/8"))).toBe(0);
});

test("a prefix counts its addresses from its base; the router's is the first usable one", () => {
  expect([prefixSize(parsePrefix("10.0.0.0/30")), prefixSize(parsePrefix("fd00::/120"))]).toEqual([4n, 256n]);
  expect(addressAt(parsePrefix("10.244.1.0/24"), 17n)).toBe("10.244.1.17");
  expect([routerAddress(parsePrefix("10.244.1.0/24")), routerAddress(parsePrefix("fd00::/64"))]).toEqual([
    ...["10.244.1.1", "fd00::1"],
  ]);
});
