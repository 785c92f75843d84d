import { beforeAll, expect, onTestFinished, test } from "vitest";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import { ctlDocument, runCtl } from "../../lab/headcni/run-ctl.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { captureUnderlay } from "../../lab/network/capture.ts";
import { bridgeAddress6 } from "../../lab/network/underlay.ts";
import { addPod, execInNode, type Pod } from "../../lab/pods.ts";
import { killService, startService } from "../../lab/services.ts";
import { peerPaths } from "../../lab/tailnet/local-api.ts";
import { fetchFrom, startPodServer, startProbe } from "../../lab/traffic/traffic.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { cleanUp, expectCleanNode } from "../support/clean-node.ts";
import { pings } from "../support/traffic/pings.ts";
import { useLab } from "../support/use-lab.ts";

/** IPv6 alone: pods, nodes between each other, and to Headscale and the relay. */
const lab = useLab({ nodes: 2, families: [6], underlay: [6] });
const pods: { a1: Pod; a2: Pod; b1: Pod } = {} as never;
const node = (name: string): LabNode => nodeOf(lab(), name);

beforeAll(async () => {
  pods.a1 = await addPod(lab(), "n1", "a1");
  pods.a2 = await addPod(lab(), "n1", "a2");
  pods.b1 = await addPod(lab(), "n2", "b1");
  for (const pod of Object.values(pods)) await startPodServer(lab(), pod);
});

test("pods have one address, reach each other, and are seen with it", async () => {
  for (const from of Object.values(pods)) {
    expect(from.addresses).toEqual([expect.stringMatching(/^fd00:10:244:[12]::/)]);
    const others = Object.values(pods).filter((pod) => pod !== from);
    expect(await fetchFrom(from, others, 100_000)).toEqual(
      others.map(() => expect.objectContaining({ bytes: 100_000, source: from.address })),
    );
  }
});

test("nodes, router addresses and hosts beyond the cluster, nothing of the pods unencrypted", async () => {
  const capture = await captureUnderlay(lab());
  expect(await pings(node("n1"), pods.a1.address)).toBe(true);
  expect(await pings(node("n1"), pods.b1.address)).toBe(true);
  expect(await pings(node("n1"), "-I", node("n1").address6 ?? "", pods.b1.address)).toBe(true);
  expect(await pings(pods.b1, node("n1").routerAddress)).toBe(true);
  expect(await pings(pods.b1, bridgeAddress6)).toBe(true);
  expect(await capture.stop("net fd00:10:244::/48")).toEqual([]);
});

test("tailscaled's path is direct", async () => {
  await waitUntil(async () => (await peerPaths(lab())).every(({ path }) => path === "direct"), {
    what: "direct paths",
    timeoutMs: 60_000,
    explain: async () => JSON.stringify(await peerPaths(lab())),
  });
  for (const { to, via } of await peerPaths(lab())) expect(via).toBe(`[${node(to).address6}]:41642`);
});

test("a firewall that drops what IPv6 it should forward does not cut tailscaled off", async () => {
  const table = "table ip6 other { chain forward { type filter hook forward priority 10; policy drop; }; }";
  onTestFinished(async () => {
    await execInNode(node("n1"), ["nft", "delete", "table", "ip6", "other"]);
  });
  expect(await execInNode(node("n1"), ["nft", table])).toMatchObject({ exitCode: 0 });
  await waitUntil(() => pings(pods.a1, pods.b1.address), {
    what: "pods talk in spite of it",
    timeoutMs: 30_000,
  });
});

test("a daemon that is killed and replaced costs no packet", async () => {
  const probe = await startProbe(pods.a1, pods.b1.address, 5);
  await killService(lab(), { name: "daemon", node: "n1" });
  await startService(lab(), { name: "daemon", node: "n1" });
  await waitForDaemon(lab(), node("n1"));
  const { sent, received } = await probe.stop();
  expect(received).toBe(sent);
});

test("doctor finds nothing wrong and connect-test follows the one family", async () => {
  const doctor = await runCtl(lab(), node("n1"), ["doctor"]);
  expect(doctor.stdout).not.toContain("FAIL");
  const { pairs } = await ctlDocument<{ readonly pairs: readonly unknown[] }>(lab(), node("n1"), [
    "connect-test",
  ]);
  expect(pairs).toEqual([expect.objectContaining({ from: "n1", to: "n2", family: 6, result: "ok" })]);
});

test("--cleanup leaves nothing", async () => {
  await cleanUp(lab(), node("n1"));
  await expectCleanNode(node("n1"));
});
