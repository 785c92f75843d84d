import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import { ctlCommand, ctlDocument, runCtl, viaNodes } from "../../lab/headcni/run-ctl.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { blockDirectPath, healNetwork, partitionNode } from "../../lab/network/network-faults.ts";
import { run } from "../../lab/run-command.ts";
import { pauseService, resumeService, startService, stopService } from "../../lab/services.ts";
import { peerPaths } from "../../lab/tailnet/local-api.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { useLab } from "../support/use-lab.ts";
import { podKernelState } from "../support/views/kernel-view.ts";

interface Document {
  readonly fullBytes: number;
  readonly absent: readonly { readonly name: string; readonly why: string }[];
  readonly pairs: readonly {
    readonly from: string;
    readonly to: string;
    readonly result: string;
    readonly hop: string;
    readonly where: string;
    readonly reason: string;
    readonly path: string;
    readonly tested: string;
    readonly small: number | null;
    readonly full: number | null;
    readonly megabitsPerSecond: number | null;
  }[];
}

const lab = useLab({ nodes: 2 });
const node = (name: string): LabNode => nodeOf(lab(), name);
const inNode = (name: string, ...command: [string, ...string[]]) => run(inNetns(node(name).netns, command));
let via = "";

beforeAll(async () => {
  via = await viaNodes(lab());
  await waitUntil(async () => (await peerPaths(lab())).every(({ path }) => path === "direct"), {
    what: "the nodes reach each other directly",
    timeoutMs: 60_000,
  });
});

const matrix = (...words: string[]) =>
  ctlDocument<Document>(lab(), node("n1"), ["connect-test", "--seconds", "0", "--via", via, ...words]);

/** Drops forwarded packets between pods in a chain that the guard does not open. */
async function dropForwarded(name: string): Promise<void> {
  const table =
    "table inet bad { chain f { type filter hook forward priority -200; ip saddr 10.244.1.0/24 ip daddr 10.244.2.0/24 drop; }; }";
  onTestFinished(async () => {
    await inNode(name, "nft", "delete", "table", "inet", "bad");
  });
  await inNode(name, "nft", table);
}

test("all ways between pods carry small and full packets, and TCP is measured", async () => {
  const { pairs, absent, fullBytes } = await ctlDocument<Document>(lab(), node("n1"), [
    "connect-test",
    "--via",
    via,
  ]);
  expect(absent).toEqual([]);
  expect(fullBytes).toBe(1280);
  expect(pairs.map(({ from, to }) => [from, to])).toEqual([
    ["n1", "n2"],
    ["n2", "n1"],
  ]);
  for (const pair of pairs) {
    expect(pair).toMatchObject({ result: "ok", tested: "pod to pod", path: "direct" });
    expect(pair.small).toBeGreaterThan(0);
    expect(pair.full).toBeGreaterThan(0);
    expect(pair.megabitsPerSecond).toBeGreaterThan(0);
  }
});

test("from one node alone the other nodes are tested from outside", async () => {
  const { pairs } = await ctlDocument<Document>(lab(), node("n2"), ["connect-test"]);
  expect(pairs).toEqual([
    expect.objectContaining({ from: "n2", to: "n1", result: "ok", tested: "pod to node" }),
  ]);
});

test("the test pods are gone afterwards, also those that a killed test left", async () => {
  // A test whose process is killed cannot take back its pod; the next one does.
  const [program, ...args] = ctlCommand(lab(), node("n1"), ["connect-test", "--agent"]);
  const agent = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  agent.stdin.write('{"id":1,"ask":"begin","input":null}\n');
  await once(agent.stdout, "data");
  agent.kill("SIGKILL");
  await once(agent, "exit");
  const leftovers = async (one: LabNode) =>
    (await readdir(one.runtimeDir)).filter((name) => name.startsWith("connect-test"));
  expect(await leftovers(node("n1"))).toHaveLength(1);
  await ctlDocument<Document>(lab(), node("n1"), ["connect-test"]);
  for (const one of lab().nodes) {
    expect(await leftovers(one)).toEqual([]);
    await waitUntil(async () => (await podKernelState(one)).links.length === 0, {
      what: `${one.name} has no link of a pod left`,
      timeoutMs: 30_000,
    });
  }
});

test.each([
  ["n1", "n1"],
  ["n2", "n2"],
])("a firewall on %s that drops forwarded packets is found there", async (name, where) => {
  await dropForwarded(name);
  const { pairs } = await matrix();
  const pair = pairs.find(({ from }) => from === "n1");
  expect(pair).toMatchObject({ result: "fail", hop: "through the node", where, small: null });
});

test("a network that carries no full packets is told from one that carries none", async () => {
  const port = ["ip", "-n", lab().netns, "link", "set", "n2", "mtu"] as const;
  onTestFinished(async () => {
    await run([...port, "1500"]);
  });
  await run([...port, "1300"]);
  const { pairs } = await matrix();
  const pair = pairs.find(({ from }) => from === "n1");
  expect(pair).toMatchObject({
    result: "fail",
    hop: "tailnet",
    full: null,
    reason: expect.stringContaining("1280 bytes"),
  });
  expect(pair?.small).toBeGreaterThan(0);
});

test("a cut network and a stopped tailscaled are told apart", async () => {
  onTestFinished(() => healNetwork(lab()));
  await partitionNode(lab(), node("n2"));
  const cut = await matrix();
  expect(cut.pairs[0]).toMatchObject({
    result: "fail",
    hop: "tailnet",
    reason: expect.stringContaining("on no path"),
  });
  await healNetwork(lab());

  onTestFinished(() => resumeService(lab(), { name: "tailscaled", node: "n2" }));
  await pauseService(lab(), { name: "tailscaled", node: "n2" });
  const paused = await matrix();
  expect(paused.pairs[0]).toMatchObject({
    result: "fail",
    hop: "tailnet",
    where: "n2",
    reason: expect.stringContaining("tailscaled of n2 is not up"),
  });
});

test("a relayed path is a note", async () => {
  onTestFinished(() => healNetwork(lab()));
  await waitForDaemon(lab(), node("n2"));
  await blockDirectPath(lab(), node("n1"), node("n2"));
  const pair = await waitUntil(
    async () => {
      const { pairs } = await matrix();
      return pairs.find(({ path, small }) => path === "relay" && small !== null);
    },
    { what: "the pair talks through the relay", timeoutMs: 120_000 },
  );
  expect(pair).toMatchObject({ result: "note", full: expect.any(Number) });
});

test("a node whose daemon is down, or that cannot be asked, is told", async () => {
  onTestFinished(() => startService(lab(), { name: "daemon", node: "n2" }));
  await stopService(lab(), { name: "daemon", node: "n2" });
  const { pairs } = await matrix();
  const pair = pairs.find(({ from }) => from === "n1");
  expect(pair).toMatchObject({ result: "fail", hop: "node to pod", where: "n2" });
  expect(pair?.reason).toContain("daemon runs on this node");

  const { exitCode, stdout } = await runCtl(lab(), node("n1"), [
    "connect-test",
    "--via",
    "echo no such node {node} >&2; false",
  ]);
  expect(exitCode).toBe(1);
  expect(stdout).toContain("n2 cannot be asked");
  expect(stdout).toContain("no such node n2");
});
