import { describe, expect, test } from "vitest";
import type { RemoteNode } from "../../../src/cli/connect-test/agent/remote-node.ts";
import { connectTestDocument } from "../../../src/cli/connect-test/connect-test-document.ts";
import { connectTestText } from "../../../src/cli/connect-test/connect-test-text.ts";
import type { TestNode, WayObservation } from "../../../src/cli/connect-test/diagnose/observation.ts";
import { runMatrix } from "../../../src/cli/connect-test/run-matrix.ts";
import { createStyle } from "../../../src/cli/output/style.ts";

const both = { small: 0.5, full: 0.7 };
const well: WayObservation = {
  path: "direct",
  tunnel: true,
  nodeToNode: both,
  podToNode: both,
  podToPod: both,
};
const names = ["n1", "n2", "n10"];
const plain = { style: createStyle(false), width: 100 };

function testNode(name: string): TestNode {
  const prefixOf = (one: string) => `10.244.${one.slice(1)}.0/24`;
  const peers = names
    .filter((other) => other !== name)
    .map((other) => ({
      name: other,
      tailnetAddress: "100.64.0.9",
      online: true,
      podCidrs: [prefixOf(other)],
    }));
  const router = `10.244.${name.slice(1)}.1`;
  const faults = { tailnetFault: "", daemonFault: "", podFault: "" };
  const echoes = { podToNode: 0.1, nodeToTailnet: 0.1 };
  const pod = { podAddress: `10.244.${name.slice(1)}.9`, mtu: 1280, tunnelMtu: 1280 };
  return { name, podCidrs: [prefixOf(name)], routerAddress: router, ...faults, ...echoes, ...pod, peers };
}

/** A node whose headcnictl answers as told. */
function fakeNode(name: string, closed: string[], changes: Partial<RemoteNode> = {}): RemoteNode {
  return {
    begin: async () => testNode(name),
    way: async () => well,
    listen: async () => 4711,
    send: async () => 8e8,
    close: async () => {
      closed.push(name);
    },
    ...changes,
  };
}

const options = { throughputMs: 100, said: () => undefined, signal: new AbortController().signal };

test("every ordered pair is tested, in the order of the names, and every node removes its pod", async () => {
  const closed: string[] = [];
  const result = await runMatrix(fakeNode("n1", closed), {
    ...options,
    open: (name) => fakeNode(name, closed),
  });
  const pairs = ["n1 n2", "n1 n10", "n2 n1", "n2 n10", "n10 n1", "n10 n2"];
  expect(result.pairs.map(({ from, toName }) => `${from.name} ${toName}`)).toEqual(pairs);
  expect(closed.sort()).toEqual([...names].sort());
  const document = connectTestDocument([result]);
  expect(document.pairs[0]).toMatchObject({
    result: "ok",
    tested: "pod to pod",
    megabitsPerSecond: 800,
    full: 0.7,
  });
  expect(connectTestText(document, plain)).toContain(
    "6 ways tested, packets pass on each: 1280 bytes in one piece, over IPv4, directly on 6.",
  );
});

test("a node that cannot be asked is told, and tested from outside", async () => {
  const refuses = { begin: () => Promise.reject(new Error("ssh: no route to host")) };
  const closed: string[] = [];
  const open = (name: string) => fakeNode(name, closed, name === "n2" ? refuses : {});
  const document = connectTestDocument([await runMatrix(fakeNode("n1", closed), { ...options, open })]);
  expect(document.absent).toEqual([{ name: "n2", why: "ssh: no route to host" }]);
  expect(document.pairs.map(({ from, to }) => `${from} ${to}`)).toEqual([
    "n1 n2",
    "n1 n10",
    "n10 n1",
    "n10 n2",
  ]);
  const text = connectTestText(document, plain);
  expect(text).toContain("n2 cannot be asked");
  expect(text).toContain("ssh: no route to host");
});

test("a test that cannot begin leaves nothing", async () => {
  const closed: string[] = [];
  const broken = fakeNode("n1", closed, { begin: () => Promise.reject(new Error("no plugin")) });
  await expect(runMatrix(broken, { ...options, open: undefined })).rejects.toThrow("no plugin");
  expect(closed).toEqual(["n1"]);
});

test("what fails is told in full, in 100 columns", async () => {
  const mute = { small: null, full: null };
  const dropped: WayObservation = { ...well, podToNode: mute, podToPod: mute };
  const result = await runMatrix(fakeNode("n1", [], { way: async () => dropped }), {
    ...options,
    open: undefined,
  });
  const text = connectTestText(connectTestDocument([result]), plain);
  expect(text).toMatch(/n1 +n2 +direct .*FAIL: through the node/);
  expect(text).toContain("n1 -> n2: through the node (n1)");
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(text).toContain("2 ways tested, 2 of them broken.");
});

describe("with pods of both families", () => {
  const slices = (name: string) => [`10.244.${name.slice(1)}.0/24`, `fd00:10:244:${name.slice(1)}::/64`];
  const over6 = (name: string, peerSlices = slices): TestNode => {
    const node = testNode(name);
    return {
      ...node,
      podCidrs: slices(name),
      routerAddress: `fd00:10:244:${name.slice(1)}::1`,
      podAddress: `fd00:10:244:${name.slice(1)}::9`,
      peers: node.peers.map((peer) => ({ ...peer, podCidrs: peerSlices(peer.name) })),
    };
  };

  test("each way is told for both, and a problem names its family", async () => {
    const mute = { small: null, full: null };
    const dropped: WayObservation = { ...well, podToNode: mute, podToPod: mute };
    const asked: string[] = [];
    const way: RemoteNode["way"] = async ({ routerAddress }) => {
      asked.push(routerAddress);
      return dropped;
    };
    const alone = { ...options, open: undefined };
    const results = [
      await runMatrix(fakeNode("n1", []), alone),
      await runMatrix(fakeNode("n1", [], { begin: async () => over6("n1"), way }), alone),
    ];
    expect(asked).toEqual(["fd00:10:244:2::1", "fd00:10:244:10::1"]);
    const document = connectTestDocument(results);
    expect(document.nodes).toEqual([
      { name: "n1", podCidrs: slices("n1").slice(0, 1), podAddresses: ["10.244.1.9", "fd00:10:244:1::9"] },
    ]);
    expect(document.pairs.map(({ to, family, result }) => [to, family, result])).toEqual([
      ["n2", 4, "ok"],
      ["n10", 4, "ok"],
      ["n2", 6, "fail"],
      ["n10", 6, "fail"],
    ]);
    const text = connectTestText(document, plain);
    expect(text).toMatch(/n1 +n2 +v6 +direct .*FAIL: through the node/);
    expect(text).toContain("n1 -> n2 over IPv6: through the node (n1)");
  });

  test("a node that serves a prefix of the other family only is a problem of the tailnet", async () => {
    const begin = async () => over6("n1", (name) => slices(name).slice(0, name === "n2" ? 1 : 2));
    const result = await runMatrix(fakeNode("n1", [], { begin }), { ...options, open: undefined });
    const { pairs } = connectTestDocument([result]);
    expect(pairs.map(({ to, hop, reason }) => [to, hop, reason])).toEqual([
      ["n2", "tailnet", "Headscale routes no IPv6 pod CIDR to n2 as n1 sees it"],
      ["n10", "", ""],
    ]);
  });
});
