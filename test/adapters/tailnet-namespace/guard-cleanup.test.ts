import { rm } from "node:fs/promises";
import { afterEach, expect, test } from "vitest";
import type { NamespaceGuard } from "../../../src/domain/guard/guard-settings.ts";
import type { CommandLine } from "../../lab/run-command.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";
import { type GuardedNode, guardedNode } from "./guarded-node.ts";
import { sampleSettings } from "./sample-settings.ts";

const dualStack: NamespaceGuard = {
  ...sampleSettings,
  ownPrefixes: ["10.244.1.0/24", "fd00:10:244:1::/64"],
  supernets: ["10.244.0.0/16", "fd00:10:244::/48"],
};

let node: GuardedNode;
afterEach(() => node?.remove());

const looks: readonly CommandLine[] = [
  ["ip", "-d", "rule"],
  ["ip", "-d", "-6", "rule"],
  ["ip", "-d", "route", "show", "table", "all"],
  ["ip", "-d", "-6", "route", "show", "table", "all"],
  ["ip", "-d", "addr"],
  ["nft", "-s", "list", "ruleset"],
  ["iptables", "-S"],
  ["sysctl", "-a", "--pattern", "^net.ipv[46].(conf|ip_forward)"],
];

async function everything(): Promise<string> {
  const texts: string[] = [];
  for (const look of looks) texts.push(`${look.join(" ")}\n${await node.inNode(...look)}`);
  return texts.join("\n");
}

test.each([
  { what: "a plain node", settings: sampleSettings, prepare: [] as readonly CommandLine[] },
  {
    what: "a node that forwarded on one link only and drops the rest",
    settings: sampleSettings,
    prepare: [
      ["sysctl", "-qw", "net.ipv4.conf.up0.forwarding=1", "net.ipv4.conf.all.accept_redirects=0"],
      ["iptables", "-P", "FORWARD", "DROP"],
      ["iptables", "-A", "FORWARD", "-i", "up0", "-j", "ACCEPT"],
    ],
  },
  {
    what: "a node that forwards already",
    settings: sampleSettings,
    prepare: [["sysctl", "-qw", "net.ipv4.ip_forward=1"]],
  },
  { what: "a dual-stack node", settings: dualStack, prepare: [] },
] as const)("cleanup gives $what back as it was", async ({ settings, prepare }) => {
  node = await guardedNode("clean", settings);
  for (const command of prepare) await node.inNode(...(command as CommandLine));
  const before = await everything();
  await node.start();
  await node.settled();
  expect(await everything()).not.toBe(before);
  await node.cleanUp();
  await until(async () => (await everything()) === before, "all is as before").catch(async () =>
    expect(await everything()).toBe(before),
  );
});

test("a guard that takes over after a kill -9 finds all held, and its cleanup still knows the first sysctls", async () => {
  node = await guardedNode("again", sampleSettings);
  const before = await everything();
  await node.start();
  await node.kill();
  await node.start();
  await node.settled();
  expect(node.view().repairing).toBe(0);
  await node.cleanUp();
  expect(await everything()).toBe(before);
});

test("another program that undoes every repair is named, and the guard comes back once it ends", async () => {
  node = await guardedNode("fight", sampleSettings);
  await node.start();
  // Ends with this directory, also when the test fails.
  const fight = temporaryDirectory();
  const undo = node.inNode(
    "sh",
    "-c",
    `while [ -d ${fight} ]; do ip rule del pref 5190 2>/dev/null; sleep 0.1; done`,
  );
  await until(() => node.view().state === "fighting", "the guard sees the fight");
  await node.inNode("ip", "rule", "del", "pref", "5180");
  await until(
    () => (node.view().repairs["node.ownRule"] ?? 0) > 0,
    "what is not fought over is repaired meanwhile",
  );
  await rm(fight, { recursive: true });
  await undo;
  await until(async () => (await node.inNode("ip", "rule")).includes("5190:"), "the rule is back");
  await node.settled();
  expect(node.view().repairs["node.supernetRule"]).toBeLessThan(20);
});
