import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressAt, containsAddress, formatPrefix, parsePrefix } from "../../src/domain/prefix.ts";
import { refusedPrefixes } from "../../src/domain/refused-prefixes.ts";

const refused = (announced: readonly string[], nodes: readonly string[]) =>
  refusedPrefixes(
    announced.map(parsePrefix),
    [parsePrefix("10.244.0.0/16"), parsePrefix("fd00:10:244::/48")],
    Object.fromEntries(nodes.map((text) => [text, true as const])),
  );

describe("what the guard has to refuse", () => {
  it.each([
    ["nothing of what Nodes have", ["10.244.1.0/24"], ["10.244.1.0/24"], []],
    ["what is no Node's", ["10.244.9.0/24"], ["10.244.1.0/24"], ["10.244.9.0/24"]],
    [
      "a part of a Node's, which would take its packets",
      ["10.244.1.128/25"],
      ["10.244.1.0/24"],
      ["10.244.1.128/25"],
    ],
    [
      "of a wider prefix what no Node has",
      ["10.244.0.0/22"],
      ["10.244.1.0/24"],
      ["10.244.0.0/24", "10.244.2.0/23"],
    ],
    ["nothing outside the pods' supernets", ["192.168.0.0/16", "10.243.0.0/16"], [], []],
    [
      "of a prefix around the supernet only the supernet",
      ["10.0.0.0/8"],
      ["10.244.0.0/17"],
      ["10.244.128.0/17"],
    ],
    ["nothing because of an exit node", ["0.0.0.0/0", "::/0"], [], []],
    ["each address once", ["10.244.8.0/22", "10.244.9.0/24"], [], ["10.244.8.0/22"]],
    ["each address once, whoever says it first", ["10.244.9.0/24", "10.244.8.0/22"], [], ["10.244.8.0/22"]],
    [
      "several apart, in the order of their texts",
      ["10.244.9.0/24", "10.244.8.0/22", "10.244.33.0/24", "10.244.32.0/20"],
      [],
      ["10.244.32.0/20", "10.244.8.0/22"],
    ],
    [
      "nothing of a Node's that has another Node's inside",
      ["10.244.0.0/23"],
      ["10.244.1.0/24", "10.244.1.0/25"],
      ["10.244.0.0/24"],
    ],
    ["IPv6 as well", ["fd00:10:244:9::/64"], ["fd00:10:244:1::/64"], ["fd00:10:244:9::/64"]],
  ])("%s", (_, announced, nodes, expected) => {
    expect(refused(announced, nodes)).toEqual(expected);
  });

  it("is each address of an announcement that no Node's prefix inside it has, and no other", () => {
    const prefix = fc
      .record({ base: fc.nat(0xffff), length: fc.integer({ min: 17, max: 28 }) })
      .map(({ base, length }) => {
        const mask = ((1n << BigInt(length)) - 1n) << BigInt(32 - length);
        return formatPrefix({ family: 4, base: (0x0af40000n + BigInt(base)) & mask, length });
      });
    fc.assert(
      fc.property(prefix, fc.array(prefix, { maxLength: 6 }), fc.nat(0xffff), (announced, nodes, offset) => {
        const address = addressAt(parsePrefix("10.244.0.0/16"), BigInt(offset));
        const has = (text: string) => containsAddress(parsePrefix(text), address);
        const length = parsePrefix(announced).length;
        const wanted =
          has(announced) && !nodes.some((node) => parsePrefix(node).length >= length && has(node));
        expect(refused([announced], nodes).some(has)).toBe(wanted);
      }),
    );
  });
});
