import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { overlaps, parsePrefix } from "../../../src/domain/addresses/prefix.ts";
import { bindNodes, boundNodes, sameBindings } from "../../../src/domain/kubernetes/node-bindings.ts";
import { clusterNode } from "../../support/cluster-node.ts";

const n2 = clusterNode("n2", ["10.244.2.0/24", "fd00:2::/64"]);
const bound = (prefix: string, name: string, nodeId = name.slice(1), uid = `u-${name}`) => ({
  prefix,
  nodeId,
  node: name,
  uid,
});

describe("bindings of Nodes", () => {
  it("are each pod CIDR with the tailnet node that its Node published, in the order of prefixes", () => {
    expect(bindNodes([n2, clusterNode("n1", ["10.244.1.0/24"])], {})).toEqual([
      bound("10.244.1.0/24", "n1"),
      bound("10.244.2.0/24", "n2"),
      bound("fd00:2::/64", "n2"),
    ]);
  });

  it("name no tailnet node while the Node has published none", () => {
    expect(bindNodes([clusterNode("n2", ["10.244.2.0/24"], { tailnetNodeId: "" })], {})).toEqual([
      bound("10.244.2.0/24", "n2", ""),
    ]);
  });

  it.each([
    ["the same prefix", "10.244.2.0/24"],
    ["a part of it", "10.244.2.128/25"],
    ["a prefix around it", "10.244.0.0/16"],
  ])("leave %s to the older Node, wherever it stands in the list", (_, prefix) => {
    const taker = clusterNode("n9", [prefix, "10.250.9.0/24"], { createdAt: "2026-01-02T00:00:00Z" });
    const wanted = [bound("10.244.2.0/24", "n2"), bound("10.250.9.0/24", "n9"), bound("fd00:2::/64", "n2")];
    expect(bindNodes([n2, taker], {})).toEqual(wanted);
    expect(bindNodes([taker, n2], {})).toEqual(wanted);
  });

  it("give the prefix of a Node that is missing to one that is there, and keep it for it until then", () => {
    const heir = clusterNode("n9", ["10.244.2.0/24"], { createdAt: "2026-01-02T00:00:00Z" });
    expect(bindNodes([n2, heir], { n2: "new" })[0]).toEqual(bound("10.244.2.0/24", "n9"));
    expect(bindNodes([n2], { n2: "old" })[0]).toEqual(bound("10.244.2.0/24", "n2"));
  });

  it("are free for the younger once a Node that lost itself no longer claims them", () => {
    const wide = clusterNode("n8", ["10.244.0.0/16"], { createdAt: "2026-01-02T00:00:00Z" });
    const newest = clusterNode("n9", ["10.244.9.0/24"], { createdAt: "2026-01-03T00:00:00Z" });
    expect(bindNodes([wide, newest, n2], {}).map(({ prefix }) => prefix)).toContain("10.244.9.0/24");
  });

  it("never overlap, and are the same in whatever order Nodes are listed", () => {
    const prefix = fc.tuple(fc.nat(0xffff), fc.integer({ min: 16, max: 28 })).map(([host, length]) => {
      const base = host & ~((1 << (32 - length)) - 1) & 0xffff;
      return `10.244.${base >>> 8}.${base & 255}/${length}`;
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(prefix, fc.nat(9)), { maxLength: 25 }), (claims) => {
        const nodes = claims.map(([text, second], at) =>
          clusterNode(`n${at}`, [text], { createdAt: `2026-01-01T00:00:0${second}Z` }),
        );
        const bindings = bindNodes(nodes, {});
        expect(bindNodes(nodes.toReversed(), {})).toEqual(bindings);
        bindings.forEach((one, at) => {
          const rest = bindings.slice(at + 1);
          const clash = rest.find((other) => overlaps(parsePrefix(one.prefix), parsePrefix(other.prefix)));
          expect(clash).toBeUndefined();
        });
        // Who is left out lost to one that is not younger.
        for (const node of nodes.filter(({ name }) => !bindings.some((one) => one.node === name))) {
          const winners = nodes.filter(
            (other) =>
              bindings.some((one) => one.node === other.name) &&
              overlaps(parsePrefix(other.podCidrs[0] ?? ""), parsePrefix(node.podCidrs[0] ?? "")),
          );
          expect(winners.some(({ createdAt }) => createdAt <= node.createdAt)).toBe(true);
        }
      }),
    );
  });

  it("are others as soon as prefix, tailnet node, name or UID is another", () => {
    const one = bound("10.244.2.0/24", "n2");
    expect(sameBindings([one], [{ ...one }])).toBe(true);
    expect(sameBindings([one, one], [one, { ...one, uid: "u9" }])).toBe(false);
    for (const other of [
      [{ ...one, prefix: "10.244.3.0/24" }],
      [{ ...one, nodeId: "9" }],
      [{ ...one, node: "n9" }],
      [{ ...one, uid: "u9" }],
      [],
      [one, one],
    ])
      expect(sameBindings([one], other)).toBe(false);
  });

  it("tell of each prefix which tailnet node may serve it", () => {
    expect(boundNodes([bound("10.244.1.0/24", "n1"), bound("10.244.2.0/24", "n2", "")])).toEqual({
      "10.244.1.0/24": "1",
      "10.244.2.0/24": "",
    });
  });
});
