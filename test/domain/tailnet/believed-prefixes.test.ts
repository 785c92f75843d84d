import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { formatPrefix, parseAddress, parsePrefix } from "../../../src/domain/addresses/prefix.ts";
import type { NodeBinding } from "../../../src/domain/kubernetes/node-bindings.ts";
import {
  believedOf,
  believedPrefixes,
  type ServedRoutes,
  servesOtherwise,
} from "../../../src/domain/tailnet/believed-prefixes.ts";

const bind = (prefix: string, nodeId: string): NodeBinding => ({ prefix, nodeId, node: "n", uid: "u" });
type Served = { readonly nodeId: string; readonly prefix: string };
const serve = (nodeId: string, ...prefixes: string[]): readonly Served[] =>
  prefixes.map((prefix) => ({ nodeId, prefix }));
/** By node, as tailscaled tells them. */
const routesOf = (served: readonly Served[]): ServedRoutes =>
  Object.fromEntries(
    [...Map.groupBy(served, ({ nodeId }) => nodeId)].map(([nodeId, ofNode]) => [
      nodeId,
      ofNode.map(({ prefix }) => prefix),
    ]),
  );
const bindings = [bind("10.244.2.0/24", "2"), bind("10.244.3.0/24", "3"), bind("fd00:2::/64", "2")];
const honest = [...serve("2", "10.244.2.0/24", "fd00:2::/64"), ...serve("3", "10.244.3.0/24")];
const all = ["10.244.2.0/24", "10.244.3.0/24", "fd00:2::/64"];

/** Comparisons of two prefixes since it was set to 0. */
const counted = vi.hoisted(() => ({ comparisons: 0 }));
vi.mock(import("../../../src/domain/addresses/prefix.ts"), async (original) => {
  const prefix = await original();
  return {
    ...prefix,
    byPlace: (...pair) => {
      counted.comparisons += 1;
      return prefix.byPlace(...pair);
    },
    containsPrefix: (...pair) => {
      counted.comparisons += 1;
      return prefix.containsPrefix(...pair);
    },
  };
});

/** Whether one of the believed texts holds the address. */
function holds(believed: readonly string[], address: string): boolean {
  const { family, value } = parseAddress(address);
  return believed.some((text) => {
    if (text.includes("/")) {
      const { base, length, family: of } = parsePrefix(text);
      const size = 1n << BigInt((of === 4 ? 32 : 128) - length);
      return of === family && value >= base && value < base + size;
    }
    const [first = "", last = ""] = text.split("-");
    const from = parseAddress(first);
    return from.family === family && value >= from.value && value <= parseAddress(last).value;
  });
}

describe("what is believed of the tailnet", () => {
  it("is what a Node's own tailnet node serves", () => {
    expect(believedPrefixes(bindings, routesOf(honest))).toEqual(all);
  });

  it.each([
    ["nothing, while nothing is bound", [], honest, []],
    ["nothing, while nothing is served", bindings, [], []],
    [
      "nothing of a Node that published no tailnet node, whoever serves it",
      [bind("10.244.2.0/24", "")],
      serve("2", "10.244.2.0/24"),
      [],
    ],
    [
      "nothing of such a Node either that a peer without an ID serves",
      [bind("10.244.2.0/24", "")],
      serve("", "10.244.2.0/24"),
      [],
    ],
    ["the same in whatever order bindings are listed", bindings.toReversed(), honest, all],
    ["no prefix that another machine took over", bindings, serve("9", "10.244.2.0/24"), []],
    [
      "no prefix that its node and another machine both serve",
      bindings,
      [...honest, ...serve("9", "10.244.2.0/24")],
      all.slice(1),
    ],
    ["no prefix of a Node that serves only a part of it", bindings, serve("2", "10.244.2.0/25"), []],
    ["no prefix of a Node that serves only one around it", bindings, serve("2", "10.244.2.0/23"), []],
    [
      "a Node's prefix inside one that somebody serves around it",
      bindings,
      [...honest, ...serve("9", "10.244.0.0/16", "0.0.0.0/0", "10.244.2.0/23")],
      all,
    ],
    [
      "a Node's prefix of which it serves a part as well",
      bindings,
      [...honest, ...serve("2", "10.244.2.128/25")],
      all,
    ],
    [
      "of a Node's prefix what no other machine serves a part of",
      bindings,
      [...honest, ...serve("9", "10.244.2.10/32", "10.244.2.8/30")],
      ["10.244.2.0-10.244.2.7", "10.244.2.12-10.244.2.255", ...all.slice(1)],
    ],
    [
      "nothing of a Node's prefix whose parts others serve all",
      bindings,
      [...honest, ...serve("9", "10.244.2.0/25"), ...serve("8", "10.244.2.128/25")],
      all.slice(1),
    ],
    [
      "nothing less for what is no prefix",
      bindings,
      [...honest, ...serve("9", "no prefix", "10.244.2.7/24")],
      all,
    ],
    [
      "of IPv6 likewise",
      bindings,
      [...honest, ...serve("9", "fd00:2::/66")],
      [...all.slice(0, 2), "fd00:2:0:0:4000::-fd00:2::ffff:ffff:ffff:ffff"],
    ],
  ])("is %s", (_, bound, served, expected) => {
    expect(believedPrefixes(bound, routesOf(served))).toEqual(expected);
  });

  it("is nothing of a prefix of which others serve more parts than are told apart, and all others", () => {
    const parts = (count: number) =>
      serve("9", ...Array.from({ length: count }, (_part, at) => `10.244.2.${2 * at}/32`));
    expect(believedPrefixes(bindings, routesOf([...honest, ...parts(16)]))).toHaveLength(18);
    expect(believedPrefixes(bindings, routesOf([...honest, ...parts(17)]))).toEqual(all.slice(1));
  });

  it("is each address whose narrowest announcement is by the node that its Node published, and that this serves whole", () => {
    const prefix = fc
      .record({ base: fc.nat(0x3ff), length: fc.integer({ min: 22, max: 32 }) })
      .map(({ base, length }) => {
        const mask = ((1n << BigInt(length)) - 1n) << BigInt(32 - length);
        return formatPrefix({ family: 4, base: (0x0af40000n + BigInt(base)) & mask, length });
      });
    const announcement = fc.record({ nodeId: fc.constantFrom("1", "2", "9"), prefix });
    const bound = [bind("10.244.1.0/24", "1"), bind("10.244.2.0/24", "2"), bind("10.244.3.0/24", "3")];
    const whole = fc.subarray([
      { nodeId: "1", prefix: "10.244.1.0/24" },
      { nodeId: "2", prefix: "10.244.2.0/24" },
    ]);
    fc.assert(
      fc.property(whole, fc.array(announcement, { maxLength: 12 }), fc.nat(0x3ff), (kept, others, offset) => {
        // Control makes one node serve a prefix.
        const told = new Map([...kept, ...others].map((one) => [one.prefix, one.nodeId]));
        const address = `10.244.${offset >>> 8}.${offset & 255}`;
        const narrowest = [...told]
          .filter(([text]) => holds([text], address))
          .toSorted(([a], [b]) => parsePrefix(b).length - parsePrefix(a).length)[0];
        const binding = bound.find((one) => holds([one.prefix], address));
        const wanted =
          binding !== undefined &&
          told.get(binding.prefix) === binding.nodeId &&
          ![...told].some(
            ([text, nodeId]) =>
              nodeId !== binding.nodeId &&
              holds([text], address) &&
              parsePrefix(text).length >= parsePrefix(binding.prefix).length,
          );
        const served = [...told].flatMap(([text, nodeId]) => serve(nodeId, text));
        expect(holds(believedPrefixes(bound, routesOf(served)), address)).toBe(wanted);
        // Whatever is believed leads to the bound node.
        if (wanted) expect(narrowest?.[1]).toBe(binding?.nodeId);
      }),
      { numRuns: 500 },
    );
  });
});

describe("20,000 prefixes that a rogue serves", () => {
  const nodes = Array.from({ length: 250 }, (_, at) => `10.244.${at}.0/24`);
  const bound = nodes.map((text, at) => bind(text, String(at)));
  const served = nodes.flatMap((text, at) => serve(String(at), text));

  it.each([
    ["outside of all Nodes'", (at: number) => `10.245.${at >>> 8}.${at & 255}/32`, 250],
    ["inside of Nodes'", (at: number) => `10.244.${(at >>> 8) % 100}.${at & 255}/32`, 250],
    ["inside of one Node's", (at: number) => `10.244.7.${at & 255}/32`, 249],
  ])("%s cost some dozen comparisons each, and no more elements than Nodes times parts", (_, text, most) => {
    const rogue = serve("rogue", ...Array.from({ length: 20_000 }, (_one, at) => text(at)));
    const routes = routesOf([...served, ...rogue]);
    counted.comparisons = 0;
    const believed = believedPrefixes(bound, routes);
    expect(believed.length).toBeLessThanOrEqual(most);
    // Each of log2(250) halvings, and the two candidates; parts are sorted 16 at a time.
    expect(counted.comparisons).toBeLessThan(20_250 * 15);
  });
});

describe("what tailscaled tells of some nodes", () => {
  const known: ServedRoutes = { "2": ["10.244.2.0/24"], "3": [] };
  it.each<[string, ServedRoutes, boolean]>([
    ["what is known of them", { "2": ["10.244.2.0/24"] }, false],
    ["that a node serves nothing, of which nothing is known", { "9": [] }, false],
    ["of a node that it serves another prefix", { "2": ["10.244.9.0/24"], "3": [] }, true],
    ["of a node that it serves nothing more", { "2": [] }, true],
    ["of an unknown node that it serves a prefix", { "9": ["10.244.9.0/24"] }, true],
  ])("is %s: news is %s", (_, told, news) => {
    expect(servesOtherwise(known, told)).toBe(news);
  });
});

it("the tailnet addresses of Nodes are believed, and no other member's", () => {
  const bindings = [
    { prefix: "10.244.2.0/24", nodeId: "2", node: "n2", uid: "u2" },
    { prefix: "fd00:2::/64", nodeId: "2", node: "n2", uid: "u2" },
    { prefix: "10.244.3.0/24", nodeId: "", node: "n3", uid: "u3" },
    { prefix: "10.244.4.0/24", nodeId: "4", node: "n4", uid: "u4" },
  ];
  const routes = { "2": ["10.244.2.0/24"], "9": ["10.244.4.0/24"] };
  const addresses = { "2": ["fd7a:115c:a1e0::2", "100.64.0.2"], "": ["100.64.0.3"], "9": ["100.64.0.9"] };
  expect(believedOf(bindings, { routes, addresses })).toEqual({
    prefixes: ["10.244.2.0/24"],
    nodes: ["100.64.0.2", "fd7a:115c:a1e0::2"],
  });
});
