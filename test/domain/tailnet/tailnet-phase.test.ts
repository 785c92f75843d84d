import { expect, test } from "vitest";
import {
  noTailnet,
  onlineAddresses,
  peersToGreet,
  peersToGreetAgain,
  tailnetPhase,
} from "../../../src/domain/tailnet/tailnet-phase.ts";
import type { TailnetPeer, TailnetStatus } from "../../../src/domain/tailnet/tailnet-status.ts";

const running: TailnetStatus = {
  ...noTailnet,
  backendState: "Running",
  self: { ...noTailnet.self, nodeId: "7", online: true },
};
const away: TailnetStatus = { ...running, self: { ...running.self, online: false } };

test.each([
  ["running with control", running, "online"],
  ["running on the last netmap", away, "offline"],
  ["running, but asked for a login: deleted in Headscale", { ...away, loginWanted: true }, "forgotten"],
  ["running, and its login was refused", { ...away, loginError: "invalid pre auth key" }, "forgotten"],
  ["running with control, after a refusal", { ...running, loginError: "invalid pre auth key" }, "online"],
  ["logged out", { ...noTailnet, backendState: "NeedsLogin" }, "needsLogin"],
  ["asked for a login before its first netmap", { ...noTailnet, loginWanted: true }, "needsLogin"],
  ["not authorised", { ...noTailnet, backendState: "NeedsMachineAuth" }, "needsLogin"],
  ["just started", noTailnet, "starting"],
  ["with a netmap, before its first relay", { ...noTailnet, backendState: "Starting" }, "starting"],
  [
    "switched off, and asked for a login",
    { ...noTailnet, backendState: "Stopped", loginWanted: true },
    "needsLogin",
  ],
  ["switched off", { ...noTailnet, backendState: "Stopped" }, "stopped"],
] as const)("%s", (_, status, phase) => {
  expect(tailnetPhase(status)).toBe(phase);
});

test("while no tailscaled runs this node is not online, and its netmap not fresh", () => {
  expect(noTailnet).toMatchObject({ fresh: false, loginWanted: false, self: { online: false } });
});

const peer = (nodeId: string, changes: Partial<TailnetPeer> = {}): TailnetPeer => ({
  nodeId,
  hostName: nodeId,
  online: true,
  addresses: [`100.64.0.${nodeId}`, "fd7a:115c:a1e0::1"],
  primaryRoutes: [],
  currentAddress: "",
  relay: "",
  ...changes,
});

test("tells peers that have an address and were not greeted yet by whether they are online", () => {
  const status = {
    ...running,
    peers: [peer("1"), peer("2", { online: false }), peer("3", { addresses: [] }), peer("4")],
  };
  expect(peersToGreet(status, { "1": true })).toEqual({ online: ["100.64.0.4"], offline: ["100.64.0.2"] });
  expect(onlineAddresses(status)).toEqual(["100.64.0.1", "100.64.0.4"]);
});

test("only those named, and greeted before, are greeted again", () => {
  const status = { ...running, peers: [peer("1"), peer("2"), peer("3")] };
  expect(peersToGreetAgain(status, { "1": true, "2": true }, ["2", "3"])).toEqual(["100.64.0.2"]);
});

test("sixteen addresses stand for all peers online", () => {
  const peers = Array.from({ length: 20 }, (_, index) => peer(`${index}`, { online: index > 0 }));
  expect(onlineAddresses({ ...running, peers })).toHaveLength(16);
});

test("of a crowd that is offline only a few are greeted, of those online all, and those first", () => {
  const nodeIds = Array.from({ length: 1_000 }, (_, index) => `${index}`);
  const peers = nodeIds.map((nodeId, index) => peer(nodeId, { online: index >= 800 }));
  const { online, offline } = peersToGreet({ ...running, peers }, {});
  expect([online.length, offline.length]).toEqual([200, 64]);
  const known = Object.fromEntries(nodeIds.map((nodeId) => [nodeId, true as const]));
  const again = peersToGreetAgain({ ...running, peers }, known, nodeIds);
  expect(again).toEqual([...online, ...offline]);
});
