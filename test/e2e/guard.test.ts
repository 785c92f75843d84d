import { beforeAll, expect, test } from "vitest";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { inNetns } from "../lab/netns.ts";
import { addPod, execInPod, type Pod } from "../lab/pods.ts";
import { type CommandLine, run } from "../lab/run-command.ts";
import { startPodServer, startProbe } from "../lab/traffic/traffic.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { metric } from "./support/daemon-view.ts";
import { heldByGuard, runInX } from "./support/guard-view.ts";
import { useLab } from "./support/use-lab.ts";

const lab = useLab({ nodes: 2 });
const node = (): LabNode => nodeOf(lab(), "n1");
const pods: { a: Pod; b: Pod } = {} as never;

beforeAll(async () => {
  pods.a = await addPod(lab(), "n1", "a");
  pods.b = await addPod(lab(), "n2", "b");
  await startPodServer(lab(), pods.b);
});

/** In the two namespaces the guard holds: the node's own, and X. */
const inNode = (...command: CommandLine) => run(inNetns(node().netns, command));
const inX = (...command: CommandLine) => runInX(node(), command);
const reaches = async () =>
  (await execInPod(pods.a, ["ping", "-q", "-c", "1", "-W", "1", pods.b.address])).exitCode === 0;
const repairs = () => metric(node(), "headcni_guard_repairs_total");

/** What is spoiled and held again, one by one and with the firewalls' rules: test/adapters/tailnet-namespace/guard-repairs.test.ts. */
test("what somebody deletes in the node and in X comes back, and pods talk on", async () => {
  const probe = await startProbe(pods.a, pods.b.address, 5);
  for (const { where, spoil } of [
    { where: inNode, spoil: "ip route flush table 18499" },
    { where: inNode, spoil: "nft flush ruleset" },
    { where: inNode, spoil: "sysctl -qw net.ipv4.ip_forward=0" },
    { where: inX, spoil: "nft flush ruleset" },
  ]) {
    const before = await heldByGuard(node());
    const count = await repairs();
    const [program = "", ...args] = spoil.split(" ");
    await where(program, ...args);
    await waitUntil(async () => (await heldByGuard(node())) === before && (await repairs()) > count, {
      what: `${spoil} is repaired and counted`,
      timeoutMs: 30_000,
      explain: async () => `before:\n${before}\nnow:\n${await heldByGuard(node())}`,
    });
    await waitUntil(reaches, {
      what: `traffic flows after ${spoil}`,
      timeoutMs: 30_000,
    });
  }
  const { longestSilenceMs } = await probe.stop();
  // Of a quiet machine: some 100 ms.
  expect(longestSilenceMs).toBeLessThan(3_000);
});

test("a tailnet route that would capture the node's own pods does not", async () => {
  const before = await inNode("ip", "route", "get", pods.a.address);
  await inX("ip", "route", "add", `${pods.a.address}/32`, "dev", "tailscale0", "table", "52");
  const fromX = await inX("ip", "route", "get", pods.a.address);
  expect(fromX).toContain("dev eth0");
  expect(await inNode("ip", "route", "get", pods.a.address)).toBe(before);
});
