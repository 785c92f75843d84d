import { expect, test } from "vitest";
import { floodPrefixes } from "../tailnet/rogue-floods.ts";
import { controlCharacters } from "../tailnet/rogue-name.ts";
import { sumOf } from "./daemon-numbers.ts";
import { rulesNamed } from "./guard-rules.ts";

test("rules of the guard are found by the beginning of their names, others and foreign ones are not", () => {
  const rule = (handle: number, comment?: string) => ({
    rule: { table: "headcni", chain: "forward", handle, ...(comment === undefined ? {} : { comment }) },
  });
  const listing = {
    nftables: [
      {},
      rule(4, "headcni:underlay-drop-4:abc"),
      rule(5, "headcni:tailnet-loop-4:abc"),
      rule(6),
      rule(7, "headcni:underlay-known:abc"),
    ],
  };
  expect(rulesNamed(listing, ["underlay-"])).toEqual([
    { chain: "forward", handle: 4, name: "underlay-drop-4" },
    { chain: "forward", handle: 7, name: "underlay-known" },
  ]);
});

test("a flood has as many prefixes as it says, none twice, all in the upper half of the pods' network", () => {
  const prefixes = floodPrefixes(20_000);
  expect(new Set(prefixes).size).toBe(20_000);
  expect([prefixes[0], prefixes[256], prefixes.at(-1)]).toEqual([
    "10.244.128.0/32",
    "10.244.129.0/32",
    "10.244.206.31/32",
  ]);
});

test("control characters are named once each; line ends and tabs are none", () => {
  expect(controlCharacters("plain\ttext\nof two lines, größer\n")).toEqual([]);
  expect(controlCharacters("a\u001b[31mb\u001b[0m\u009b2J\u0007\r\u007f\u202e")).toEqual([
    "U+0007",
    "U+000D",
    "U+001B",
    "U+007F",
    "U+009B",
    "U+202E",
  ]);
});

test("the samples of one counter are added, those of a longer name are not", () => {
  const page = [
    "# TYPE headcni_guard_repairs_total counter",
    'headcni_guard_repairs_total{invariant="node.firewall"} 3',
    'headcni_guard_repairs_total{invariant="tailnet.firewall"} 2',
    "headcni_guard_repairs_total_seconds 7",
  ].join("\n");
  expect(sumOf(page, "headcni_guard_repairs_total")).toBe(5);
  expect(sumOf(page, "headcni_unknown_total")).toBe(0);
});
