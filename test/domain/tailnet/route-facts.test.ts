import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { overlaps, parsePrefix } from "../../../src/domain/addresses/prefix.ts";
import {
  ownRouteFacts,
  peerRoutes,
  type RouteView,
  thisNode,
} from "../../../src/domain/tailnet/route-facts.ts";
import { noTailnet } from "../../../src/domain/tailnet/tailnet-phase.ts";
import type { TailnetPeer, TailnetStatus } from "../../../src/domain/tailnet/tailnet-status.ts";

const own = "10.244.1.0/24";
const supernets = ["10.244.0.0/16", "fd00:10:244::/48"];

function peer(index: number, primaryRoutes: readonly string[], online = true): TailnetPeer {
  return {
    nodeId: String(index),
    hostName: `n${index}`,
    online,
    addresses: [`100.64.0.${index}`],
    primaryRoutes,
    currentAddress: "",
    relay: "",
  };
}

function status(peers: readonly TailnetPeer[], changes: Partial<TailnetStatus> = {}): TailnetStatus {
  return {
    ...noTailnet,
    backendState: "Running",
    self: { ...noTailnet.self, nodeId: "1", hostName: "n1", online: true, primaryRoutes: [own] },
    peers,
    fresh: true,
    ...changes,
  };
}
/** Before the Nodes are known, and with nothing installed. */
const view = (of: TailnetStatus, more: Partial<RouteView> = {}): RouteView => ({
  ...{ supernets, status: of, installed: {}, bound: null },
  ...more,
});
const factsOf = (peers: readonly TailnetPeer[], installed: Record<string, true> = {}) =>
  peerRoutes([own], view(status(peers), { installed })).facts;

describe("facts of an own prefix", () => {
  test("served, with the router addresses of online peers as witnesses, installed ones first", () => {
    const peers = [
      peer(2, ["10.244.2.0/24"]),
      peer(3, ["10.244.3.0/24"], false),
      peer(4, ["10.244.4.0/24", "fd00:10:244:4::/64", "192.168.0.0/24"]),
    ];
    expect(ownRouteFacts(own, view(status(peers), { installed: { "10.244.4.0/24": true } }))).toEqual({
      ready: true,
      fresh: true,
      nodeId: "1",
      served: true,
      takenBy: "",
      witnesses: ["10.244.4.1", "10.244.2.1"],
    });
  });

  test("nine peers bear witness, however many there are", () => {
    const peers = Array.from({ length: 12 }, (_, index) => peer(index + 2, [`10.244.${index + 2}.0/24`]));
    expect(ownRouteFacts(own, view(status(peers))).witnesses).toHaveLength(9);
  });

  test("a peer's prefix is announced, and installed once it stands in the table", () => {
    const peers = [peer(2, ["10.244.2.0/24"]), peer(3, ["10.244.3.0/24"])];
    expect(factsOf(peers, { "10.244.3.0/24": true })).toEqual({
      "10.244.2.0/24": {
        announced: true,
        installed: false,
        nodeId: "2",
        hostName: "n2",
        published: true,
        culprit: "",
      },
      "10.244.3.0/24": {
        announced: true,
        installed: true,
        nodeId: "3",
        hostName: "n3",
        published: true,
        culprit: "",
      },
    });
  });

  test("what is no prefix bears no witness and is no stranger", () => {
    const told = status([peer(2, ["no prefix", "10.244.2.0/24"])]);
    expect(ownRouteFacts(own, view(told)).witnesses).toEqual(["10.244.2.1"]);
    expect(peerRoutes([own], view(told, { bound: {} })).strangers).toBe(1);
  });

  test("without a netmap there is nothing to say of peers", () => {
    const peers = [peer(2, ["10.244.2.0/24"])];
    const told = (changes: Partial<TailnetStatus>) => peerRoutes([own], view(status(peers, changes)));
    const nothing = { facts: {}, known: {}, strangers: 0 };
    expect(told({ backendState: "Starting" }).known).toEqual({ 2: true });
    expect(told({ backendState: "NeedsLogin" })).toEqual(nothing);
    expect(told({ self: { ...status([]).self, nodeId: "" } })).toEqual(nothing);
  });

  test("a node that announces a part of it is no witness", () => {
    expect(ownRouteFacts(own, view(status([peer(9, ["10.244.1.0/25"])]))).witnesses).toEqual([]);
  });

  test("a cached netmap is neither fresh nor ready", () => {
    const cached = status([], { fresh: false });
    expect(ownRouteFacts(own, view(cached))).toMatchObject({
      ready: false,
      fresh: false,
      served: true,
    });
  });

  test("served by another node, it says by which", () => {
    const taken = status([peer(9, [own])], { self: { ...status([]).self, primaryRoutes: [] } });
    expect(ownRouteFacts(own, view(taken))).toMatchObject({ served: false, takenBy: "n9" });
  });

  test("lost to another node without being told so itself, it is not served", () => {
    expect(ownRouteFacts(own, view(status([peer(9, [own])])))).toMatchObject({
      served: false,
      takenBy: "n9",
    });
  });
});

describe("facts of peers' prefixes", () => {
  test("only prefixes inside the supernets count", () => {
    const peers = [peer(2, ["10.244.2.0/24", "192.168.0.0/16", "0.0.0.0/0", "10.0.0.0/8", "no prefix"])];
    expect(Object.keys(factsOf(peers))).toEqual(["10.244.2.0/24"]);
  });

  test("a slice of our prefix blames its announcer towards us", () => {
    expect(factsOf([peer(9, ["10.244.1.128/25"])])["10.244.1.128/25"]).toMatchObject({
      hostName: "n9",
      culprit: thisNode,
    });
  });

  test("a slice of another peer's prefix blames each for the other, and no third", () => {
    const facts = factsOf([
      peer(2, ["10.244.2.0/24"]),
      peer(3, ["10.244.3.0/24"]),
      peer(9, ["10.244.2.64/26"]),
    ]);
    expect(facts["10.244.2.0/24"]?.culprit).toBe("n9");
    expect(facts["10.244.2.64/26"]?.culprit).toBe("n2");
    expect(facts["10.244.3.0/24"]?.culprit).toBe("");
  });

  test("prefixes of one node may lie inside each other", () => {
    const facts = factsOf([peer(2, ["10.244.2.0/24", "10.244.2.0/25"])]);
    expect(Object.values(facts).map(({ culprit }) => culprit)).toEqual(["", ""]);
  });

  test("exactly the overlapping announcements of different nodes conflict", () => {
    const lengths = fc.integer({ min: 20, max: 28 });
    const prefix = fc.tuple(lengths, fc.nat(2 ** 16 - 1)).map(([length, host]) => {
      const base = (host >>> (32 - length)) << (32 - length);
      return `10.244.${base >>> 8}.${base & 255}/${length}`;
    });
    fc.assert(
      fc.property(fc.uniqueArray(prefix, { maxLength: 40 }), (texts) => {
        const facts = factsOf(texts.map((text, index) => peer(index + 2, [text])));
        for (const text of texts) {
          const others = [own, ...texts.filter((other) => other !== text)];
          const conflicts = others.some((other) => overlaps(parsePrefix(text), parsePrefix(other)));
          expect(facts[text]?.culprit !== "").toBe(conflicts);
        }
      }),
    );
  });
});

describe("once the cluster's Nodes are known", () => {
  const bound = { [own]: "1", "10.244.2.0/24": "2", "10.244.5.0/24": "" } as const;
  const judged = (...peers: readonly TailnetPeer[]) => peerRoutes([own], view(status(peers), { bound }));
  const told = (...peers: readonly TailnetPeer[]) =>
    Object.entries(judged(...peers).facts).map(([prefix, { published, culprit }]) => [
      prefix,
      published,
      culprit,
    ]);

  test.each([
    ["of a Node's own machine is believed", "10.244.2.0/24", 2, true, ""],
    ["of a Node that another machine took over names that machine", "10.244.2.0/24", 9, true, "n9"],
    ["of a Node that published none waits for it, whoever serves it", "10.244.5.0/24", 5, false, ""],
    ["that is no Node's names its host", "10.244.9.0/24", 9, true, "n9"],
    ["that is a part of a Node's names its host, and not the Node's", "10.244.2.128/25", 9, true, "n9"],
    ["that is ours names its host", own, 9, true, "n9"],
    ["that is a part of ours names its host", "10.244.1.7/32", 9, true, "n9"],
  ] as const)("a prefix %s", (_, prefix, index, published, culprit) => {
    expect(told(peer(index, [prefix]))).toEqual([[prefix, published, culprit]]);
  });

  test("a part of a Node's prefix that a rogue announces leaves the Node's route as it is", () => {
    expect(told(peer(2, ["10.244.2.0/24"]), peer(9, ["10.244.2.7/32"]))).toEqual([
      ["10.244.2.7/32", true, "n9"],
      ["10.244.2.0/24", true, ""],
    ]);
  });

  test("only prefixes of Nodes that their own machines serve bear witness", () => {
    const peers = [
      peer(2, ["10.244.9.0/24"]),
      peer(3, ["10.244.2.0/24"]),
      peer(5, ["10.244.5.0/24"]),
      ...Array.from({ length: 20 }, (_, at) => peer(at + 10, [`10.244.${at + 10}.0/24`])),
    ];
    const witnesses = (more: readonly TailnetPeer[]) =>
      ownRouteFacts(own, view(status([...peers, ...more]), { bound })).witnesses;
    expect(witnesses([])).toEqual([]);
    expect(witnesses([peer(2, ["10.244.2.0/24"])])).toEqual(["10.244.2.1"]);
  });

  test("of prefixes that are no Node's the first 64 are named and all counted, and each of a Node's is named", () => {
    const rogue = Array.from({ length: 20_000 }, (_, at) => `10.244.${100 + (at >> 8)}.${at & 255}/32`);
    const { facts, strangers } = judged(peer(0, rogue), peer(2, ["10.244.2.0/24"]));
    expect(strangers).toBe(20_000);
    expect(Object.keys(facts)).toEqual([...rogue.slice(0, 64), "10.244.2.0/24"]);
  });

  test("before that the first 64 prefixes of each peer have facts, and whom they overlap is named", () => {
    const rogue = Array.from({ length: 20_000 }, (_, at) => `10.244.${100 + (at >> 8)}.${at & 255}/32`);
    const victim = peer(3, ["10.244.177.0/24"]);
    const { facts } = peerRoutes([own], view(status([peer(0, rogue), victim])));
    expect(Object.keys(facts)).toEqual([...rogue.slice(0, 64), "10.244.177.0/24"]);
    expect(facts["10.244.177.0/24"]?.culprit).toBe("n0");
  });

  test("before that nobody is judged", () => {
    const peers = [peer(2, ["10.244.9.0/24"])];
    const seen = peerRoutes([own], view(status(peers)));
    expect(seen.facts["10.244.9.0/24"]).toMatchObject({ published: true, culprit: "" });
    expect(seen.strangers).toBe(0);
  });
});
