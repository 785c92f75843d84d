import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { addNetns, inNetns, removeNetns } from "../../lab/network/netns.ts";
import { run, runResult } from "../../lab/run-command.ts";
import { loneConfig } from "../../support/lone-daemon.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const main = new URL("../../../src/programs/daemon/main.ts", import.meta.url).pathname;
const terms = {
  version: 1,
  ...{ tunnel: { name: "wan-tun", mtu: 1280 }, addresses: ["100.64.0.7"] },
  ...{ confineTable52: "toTailnet", magicDns: false, netfilter: "on", elsewhere: false },
};
let nodes = 0;

/** A node that boots: its configuration and state directory, and what stands in its namespace after `headcni --guard`. */
async function booted(more: object, state: Readonly<Record<string, unknown>> = {}) {
  const netns = `hcb-${process.pid}-${nodes}`;
  nodes += 1;
  await addNetns(netns);
  onTestFinished(() => removeNetns(netns));
  const directory = temporaryDirectory();
  await mkdir(join(directory, "state"));
  for (const [name, content] of Object.entries(state))
    await writeFile(join(directory, "state", name), JSON.stringify(content));
  const file = join(directory, "config.yaml");
  const { tailscale: _, ...config } = loneConfig(directory);
  await writeFile(file, JSON.stringify({ ...config, ...more }));
  const command = [process.execPath, main, "--config", file, "--guard"] as const;
  const { exitCode, stdout, stderr } = await runResult(inNetns(netns, [...command]));
  const rules = await run(inNetns(netns, ["ip", "-4", "rule"]));
  const tables = await run(inNetns(netns, ["nft", "list", "ruleset"]));
  return { said: [exitCode, stdout.trim(), stderr], rules, tables };
}

const ours = /^(?:5199|52[69]\d):/gm;
const host = { tailscale: { mode: "host" } };
const inCluster = { network: { podCIDR: "10.244.0.0/16" }, kubernetes: { enabled: true } };

test("beside our own tailscaled there is nothing to load", async () => {
  const { said, rules, tables } = await booted({}, { "owner-terms.json": terms });
  expect(said).toEqual([0, "headcni: nothing to load: tailscale.mode is daemon", ""]);
  expect([rules.match(ours), tables.trim()]).toEqual([null, ""]);
});

test("a node that remembers nothing of its tailscaled has set nothing in it, and gets nothing", async () => {
  const { said, rules, tables } = await booted(host);
  expect(said).toEqual([0, "headcni: nothing to load: nothing is known of the node's tailscaled yet", ""]);
  expect([rules.match(ours), tables.trim()]).toEqual([null, ""]);
});

test("rules and table stand around the interface that is remembered, before it is there", async () => {
  const { said, rules, tables } = await booted(host, { "owner-terms.json": terms });
  expect(said).toEqual([0, "headcni: the guard is loaded around wan-tun", ""]);
  expect(rules.match(ours)).toEqual(["5199:", "5260:", "5262:", "5263:", "5269:", "5290:"]);
  expect(rules).toMatch(/^5199:.*to 10\.244\.1\.0\/24 lookup main/m);
  expect(tables).toContain('iifname "wan-tun"');
  expect(tables).not.toContain("headcni_allowlist");
});

test("with Kubernetes the pod CIDR is the one that is remembered, and the allowlist believes nobody", async () => {
  const memory = { version: 1, nodeName: "n1", podCIDRs: ["10.244.7.0/24"] };
  const state = { "owner-terms.json": terms, "node.json": memory };
  const { said, rules, tables } = await booted({ ...host, ...inCluster }, state);
  expect(said).toEqual([0, "headcni: the guard is loaded around wan-tun", ""]);
  expect(rules).toMatch(/^5199:.*to 10\.244\.7\.0\/24 lookup main/m);
  expect(tables).toContain("table inet headcni_allowlist");
  expect(tables).not.toMatch(/elements = /);
});

test("a node that was in another tailnet leads nothing of pods there", async () => {
  const { said, rules, tables } = await booted(host, { "owner-terms.json": { ...terms, elsewhere: true } });
  expect(said[0]).toBe(0);
  expect(rules.match(ours)).toEqual(["5199:", "5260:", "5263:", "5269:", "5290:"]);
  expect(tables).toContain("elsewhere-out-4");
});
