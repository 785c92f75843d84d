import { expect, test } from "vitest";
import { diagnose } from "../../../../src/cli/connect-test/diagnose/diagnose.ts";
import type {
  PairObservation,
  TestNode,
  WayObservation,
} from "../../../../src/cli/connect-test/diagnose/observation.ts";

const both = { small: 0.5, full: 0.7 };
const none = { small: null, full: null };
const onlySmall = { small: 0.5, full: null };

const node = (name: string, changes: Partial<TestNode> = {}): TestNode => ({
  name,
  podCidrs: [`10.244.${name.slice(1)}.0/24`],
  routerAddress: `10.244.${name.slice(1)}.1`,
  tailnetFault: "",
  daemonFault: "",
  podAddress: `10.244.${name.slice(1)}.9`,
  podFault: "",
  mtu: 1280,
  tunnelMtu: 1280,
  podToNode: 0.1,
  nodeToTailnet: 0.1,
  peers: [],
  ...changes,
});
const peer = { name: "n2", tailnetAddress: "100.64.0.2", online: true, podCidrs: ["10.244.2.0/24"] };
const way = (changes: Partial<WayObservation> = {}): WayObservation => ({
  path: "direct",
  tunnel: true,
  nodeToNode: both,
  podToNode: both,
  podToPod: both,
  ...changes,
});
const pair = (changes: Partial<PairObservation> = {}): PairObservation => ({
  from: node("n1"),
  toName: "n2",
  to: node("n2"),
  peer,
  way: way(),
  bitsPerSecond: undefined,
  ...changes,
});
const allLost = { tunnel: false, nodeToNode: none, podToNode: none, podToPod: none };

test("a way that carries everything is well", () => {
  expect(diagnose(pair())).toMatchObject({ result: "ok", hop: "" });
});

test.each<readonly [string, PairObservation, string, string, string]>([
  [
    "a pod without its node",
    pair({ from: node("n1", { podToNode: null }) }),
    "pod to node",
    "n1",
    "own node",
  ],
  [
    "a plugin that fails",
    pair({ from: node("n1", { podAddress: "", podFault: "code 11", podToNode: null }) }),
    "pod to node",
    "n1",
    "code 11",
  ],
  [
    "a node without its tailnet namespace",
    pair({ from: node("n1", { nodeToTailnet: null }) }),
    "node to tailnet namespace",
    "n1",
    "headcni0",
  ],
  [
    "an own tailscaled that is down",
    pair({ from: node("n1", { tailnetFault: "it is in the state NeedsLogin" }), way: way(allLost) }),
    "tailnet",
    "n1",
    "NeedsLogin",
  ],
  [
    "another's tailscaled that is down",
    pair({ to: node("n2", { tailnetFault: "no answer" }), way: way({ ...allLost, path: "none" }) }),
    "tailnet",
    "n2",
    "no answer",
  ],
  ["a prefix that nobody serves", pair({ peer: undefined }), "tailnet", "n2", "routes no IPv4 pod CIDR"],
  ["a cut network", pair({ way: way({ ...allLost, path: "none" }) }), "tailnet", "n2", "on no path"],
  ["a session that does not open", pair({ way: way(allLost) }), "tailnet", "both", "no WireGuard session"],
  [
    "a router address that is silent",
    pair({ way: way({ nodeToNode: none, podToNode: none, podToPod: none }) }),
    "tailnet namespace to node",
    "n2",
    "router address",
  ],
  [
    "an own firewall that drops what is forwarded",
    pair({ way: way({ podToNode: none, podToPod: none }) }),
    "through the node",
    "n1",
    "its pods do not",
  ],
  [
    "another's firewall that drops",
    pair({ way: way({ podToPod: none }) }),
    "through the node",
    "n2",
    "no pod on it",
  ],
  [
    "a narrow network",
    pair({ way: way({ nodeToNode: onlySmall, podToNode: onlySmall, podToPod: onlySmall }) }),
    "tailnet",
    "both",
    "full ones of 1280",
  ],
  ...(["n1", "n2"] as const).map((name): readonly [string, PairObservation, string, string, string] => [
    `a tunnel of ${name} with an earlier MTU`,
    pair({
      from: node("n1", { mtu: 1400, tunnelMtu: name === "n1" ? 1280 : 1400 }),
      to: node("n2", { mtu: 1400, tunnelMtu: name === "n2" ? 1280 : 1400 }),
      way: way({ nodeToNode: onlySmall, podToNode: onlySmall, podToPod: onlySmall }),
    }),
    "tailnet",
    name,
    `interface on ${name} carries 1280`,
  ]),
  [
    "nodes of different MTUs",
    pair({
      from: node("n1", { mtu: 1400, tunnelMtu: 1400 }),
      to: node("n2", { tunnelMtu: null }),
      way: way({ podToPod: onlySmall }),
    }),
    "node to pod",
    "n2",
    "1400 on n1 and 1280 on n2",
  ],
  [
    "an own tunnel with an earlier MTU, the other node unasked",
    pair({
      from: node("n1", { mtu: 1400 }),
      to: undefined,
      way: way({ nodeToNode: onlySmall, podToNode: onlySmall, podToPod: undefined }),
    }),
    "tailnet",
    "n1",
    "interface on n1 carries 1280",
  ],
  [
    "pods that get nothing through, no packet through WireGuard at first",
    pair({ way: way({ tunnel: false, podToNode: none, podToPod: none }) }),
    "through the node",
    "n1",
    "its pods do not",
  ],
  [
    "a silent router address and pod, no packet through WireGuard at first",
    pair({ way: way({ tunnel: false, nodeToNode: none, podToPod: none }) }),
    "through the node",
    "n2",
    "no pod on it",
  ],
  [
    "a narrow link of a pod",
    pair({ way: way({ podToPod: onlySmall }) }),
    "through the node",
    "both",
    "full ones",
  ],
  [
    "another's plugin that fails",
    pair({
      to: node("n2", { podAddress: "", podFault: "pool exhausted" }),
      way: way({ podToPod: undefined }),
    }),
    "node to pod",
    "n2",
    "pool exhausted",
  ],
])("%s", (_what, observation, hop, where, reason) => {
  const diagnosis = diagnose(observation);
  expect(diagnosis).toMatchObject({ result: "fail", hop, where, reason: expect.stringContaining(reason) });
  expect(diagnosis.todo).not.toBe("");
});

test.each([
  ["a relayed path", pair({ way: way({ path: "relay" }) }), "relay"],
  ["a peer that lost Headscale", pair({ peer: { ...peer, online: false } }), "offline"],
  [
    "a silent router address behind working pods",
    pair({ way: way({ nodeToNode: none, podToNode: none }) }),
    "router address",
  ],
  [
    "a daemon that does not serve",
    pair({ from: node("n1", { daemonFault: "it does not serve" }) }),
    "does not serve",
  ],
])("%s is a note, no failure", (_what, observation, reason) => {
  expect(diagnose(observation)).toMatchObject({
    result: "note",
    hop: "",
    where: "both",
    reason: expect.stringContaining(reason),
  });
});

test("a node that could not be asked itself is judged by what answers from outside", () => {
  expect(diagnose(pair({ to: undefined, way: way({ podToPod: undefined }) })).result).toBe("ok");
  const silent = pair({ to: undefined, way: way({ ...allLost, path: "none", podToPod: undefined }) });
  expect(diagnose(silent)).toMatchObject({ result: "fail", hop: "tailnet", where: "n2" });
});

test("a node where no pod was attached, and none failed, is judged by what its host reaches", () => {
  const podless = { podAddress: "", podToNode: null };
  const ways = { podToNode: undefined, podToPod: undefined };
  expect(diagnose(pair({ from: node("n1", podless), way: way(ways) })).result).toBe("ok");
  expect(diagnose(pair({ to: node("n2", podless), way: way({ podToPod: undefined }) })).result).toBe("ok");
});
