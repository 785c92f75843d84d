import { afterAll, beforeAll, expect, test } from "vitest";
import { openFirewall } from "../../../src/adapters/nftables/open-firewall.ts";
import { allowlistTable } from "../../../src/domain/nftables/nft-allowlist-table.ts";
import { loadTable } from "../../../src/domain/nftables/nft-table.ts";
import { type GuardedNode, guardedNode } from "./guarded-node.ts";
import { addPod, type TestPod } from "./pod-in-namespace.ts";
import { sampleSettings } from "./sample-settings.ts";
import { remotePod, type StandInTailnet, standInTailnet } from "./stand-in-tailnet.ts";

const podAddress = "10.244.1.5";
let node: GuardedNode;
let pod: TestPod;
let tailnet: StandInTailnet;

beforeAll(async () => {
  node = await guardedNode("believe", sampleSettings);
  await node.start();
  pod = await addPod(node, "believe", podAddress);
  tailnet = await standInTailnet(node, "believe");
});
afterAll(async () => {
  await tailnet?.remove();
  await pod?.remove();
  await node?.remove();
});

/** What headcni-wire does with what it believes. */
async function believe(...believed: readonly string[]): Promise<void> {
  const { supernets, carrier } = sampleSettings;
  const document = loadTable(allowlistTable({ supernets, tunnel: carrier.tunnel.name }, believed));
  await openFirewall({ tailnetPath: () => node.tailnetPath }).apply("tailnet", [{ tool: "nft", document }]);
}

const bothWays = async () => [await pod.answers(remotePod), await tailnet.reaches(remotePod, podAddress)];

test("only what is believed sends to pods and is sent to, of what a prefix loses the rest stays, and all of it without a daemon", async () => {
  await node.settled();
  expect(await bothWays()).toEqual([true, true]);
  await believe();
  expect(await bothWays()).toEqual([false, false]);
  await believe("10.244.2.0/24");
  expect(await bothWays()).toEqual([true, true]);
  // A slice that somebody else announces, as it is left over.
  await believe("10.244.2.0-10.244.2.4", "10.244.2.6-10.244.2.255");
  expect(await bothWays()).toEqual([false, false]);
  await believe("10.244.2.0-10.244.2.5");
  expect(await bothWays()).toEqual([true, true]);
  await node.settled();
  expect(node.view().repairs["tailnet.firewall"] ?? 0).toBe(0);
  await node.kill();
  await believe("10.244.3.0/24");
  expect(await bothWays()).toEqual([false, false]);
  await believe("10.244.2.0/24");
  expect(await bothWays()).toEqual([true, true]);
});

test("a flow that was let through ends with the belief in its prefix, and this node's own pods are never refused", async () => {
  await believe("10.244.2.0/24");
  expect(await pod.answers(remotePod)).toBe(true);
  const before = await node.inX("nft", "list", "table", "inet", "headcni_allowlist");
  expect(before).toContain("10.244.2.0/24");
  // A rogue's slice of this node's prefix: it is in no set, and the node's pods answer each other and the node.
  await believe();
  expect(await pod.answers(remotePod)).toBe(false);
  expect(await node.inNode("ping", "-q", "-c", "1", "-W", "1", podAddress)).toContain("1 received");
});
