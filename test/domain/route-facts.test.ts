import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { overlaps, parsePrefix } from "../../src/domain/prefix.ts";
import { ownRouteFacts, peerRoutes, thisNode } from "../../src/domain/route-facts.ts";
import { noTailnet } from "../../src/domain/tailnet-phase.ts";
import type { TailnetPeer, TailnetStatus } from "../../src/domain/tailnet-status.ts";

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
const factsOf = (peers: readonly TailnetPeer[], installed: Record<string, true> = {}) =>
  peerRoutes([own], supernets, status(peers), installed).facts;

describe("facts of an own prefix", () => {
  test("served, with the router addresses of online peers as witnesses, installed ones first", () => {
    const peers = [
      peer(2, ["10.244.2.0/24"]),
      peer(3, ["10.244.3.0/24"], false),
      peer(4, ["10.244.4.0/24", "fd00:10:244:4::/64", "192.168.0.0/24"]),
    ];
    expect(ownRouteFacts(own, supernets, status(peers), { "10.244.4.0/24": true })).toEqual({
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
    expect(ownRouteFacts(own, supernets, status(peers), {}).witnesses).toHaveLength(9);
  });

  test("a peer's prefix is announced, and installed once it stands in the table", () => {
    const peers = [peer(2, ["10.244.2.0/24"]), peer(3, ["10.244.3.0/24"])];
    expect(factsOf(peers, { "10.244.3.0/24": true })).toEqual({
      "10.244.2.0/24": { announced: true, installed: false, nodeId: "2", hostName: "n2", culprit: "" },
      "10.244.3.0/24": { announced: true, installed: true, nodeId: "3", hostName: "n3", culprit: "" },
    });
  });

  test("what is no prefix bears no witness and is not refused", () => {
    const told = status([peer(2, ["no prefix", "10.244.2.0/24"])]);
    expect(ownRouteFacts(own, supernets, told, {}).witnesses).toEqual(["10.244.2.1"]);
    expect(peerRoutes([own], supernets, told, {}, {}).refused).toEqual(["10.244.2.0/24"]);
  });

  test("without a netmap there is nothing to say of peers", () => {
    const peers = [peer(2, ["10.244.2.0/24"])];
    const known = (changes: Partial<TailnetStatus>) =>
      peerRoutes([own], supernets, status(peers, changes), {}).known;
    expect(known({ backendState: "Starting" })).toEqual({ 2: true });
    expect(known({ backendState: "NeedsLogin" })).toEqual({});
    expect(known({ self: { ...status([]).self, nodeId: "" } })).toEqual({});
  });

  test("a node that announces a part of it is no witness", () => {
    expect(ownRouteFacts(own, supernets, status([peer(9, ["10.244.1.0/25"])]), {}).witnesses).toEqual([]);
  });

  test("a cached netmap is neither fresh nor ready", () => {
    const cached = status([], { fresh: false });
    expect(ownRouteFacts(own, supernets, cached, {})).toMatchObject({
      ready: false,
      fresh: false,
      served: true,
    });
  });

  test("served by another node, it says by which", () => {
    const taken = status([peer(9, [own])], { self: { ...status([]).self, primaryRoutes: [] } });
    expect(ownRouteFacts(own, supernets, taken, {})).toMatchObject({ served: false, takenBy: "n9" });
  });

  test("lost to another node without being told so itself, it is not served", () => {
    expect(ownRouteFacts(own, supernets, status([peer(9, [own])]), {})).toMatchObject({
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
  const nodes = { [own]: true, "10.244.2.0/24": true } as const;
  const judged = (...routes: readonly string[]) => {
    const peers = routes.map((route, index) => peer(index + 2, [route]));
    return peerRoutes([own], supernets, status(peers), {}, nodes);
  };

  test("a prefix that is no Node's conflicts, its host being the culprit, and is refused", () => {
    const { facts, refused } = judged("10.244.2.0/24", "10.244.9.0/24");
    expect(facts["10.244.2.0/24"]?.culprit).toBe("");
    expect(facts["10.244.9.0/24"]?.culprit).toBe("n3");
    expect(refused).toEqual(["10.244.9.0/24"]);
  });

  test("a prefix that reaches beyond the supernets is refused where it is inside, though it is no route of pods", () => {
    const { facts, refused } = judged("10.244.0.0/15");
    expect(facts).toEqual({});
    expect(refused).toContain("10.244.128.0/17");
  });

  test("the own prefix is never refused, whatever the Node says", () => {
    const peers = [peer(2, ["10.244.0.0/23"])];
    expect(peerRoutes([own], supernets, status(peers), {}, {}).refused).toEqual(["10.244.0.0/24"]);
  });

  test("before that nobody is judged", () => {
    const peers = [peer(2, ["10.244.9.0/24"])];
    const seen = peerRoutes([own], supernets, status(peers), {}, null);
    expect([seen.facts["10.244.9.0/24"]?.culprit, seen.refused]).toEqual(["", []]);
  });
});
