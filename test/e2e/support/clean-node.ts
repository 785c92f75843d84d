import { readdir } from "node:fs/promises";
import { expect } from "vitest";
import { hostRulePriority } from "../../../src/domain/kernel/kernel-constants.ts";
import { asProgram } from "../../lab/headcni/wire.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { type CommandLine, type CommandResult, run, runResult } from "../../lab/run-command.ts";
import { stopService } from "../../lab/services.ts";
import { preferences } from "../../lab/tailnet/local-api.ts";

/** Ends the daemon of a node, and has `headcni --cleanup` take away the rest. */
export async function cleanUp(lab: Lab, node: LabNode): Promise<void> {
  await stopService(lab, { name: "daemon", node: node.name });
  expect(await runCleanup(lab, node)).toMatchObject({ exitCode: 0 });
}

/** What `headcni --cleanup` says on a node as it is. */
export async function runCleanup(lab: Lab, node: LabNode): Promise<CommandResult> {
  const [program = "", ...args] = lab.daemon ?? [];
  const command = asProgram(lab, node, [program, ...args, "--config", node.configFile, "--cleanup"]);
  return await runResult(inNetns(node.netns, command));
}

/** What HeadCNI adds to the rules of a node beside its owner's tailscaled, whose own are 5210 to 5270. */
const rulesBeside = new RegExp(`^(${Object.values(hostRulePriority).join("|")}):`, "m");

/** Nothing of HeadCNI is left in a node's network namespace and its CNI folder, seen with iproute2 and nft. */
export async function expectCleanNode(node: LabNode): Promise<void> {
  expect(await readdir(node.cniConfDir)).toEqual([]);
  await (node.mode === "host" ? expectNothingBeside(node) : expectEmptyNode(node));
}

/** Nothing but what the tailscaled of the node's owner has, which accepts no routes and announces none of pods any more. */
async function expectNothingBeside(node: LabNode): Promise<void> {
  const inNode = (...command: CommandLine) => run(inNetns(node.netns, command));
  const links = JSON.parse(await inNode("ip", "-j", "link", "show")) as readonly { ifname: string }[];
  expect(links.map(({ ifname }) => ifname).filter((name) => /^hc/.test(name))).toEqual([]);
  for (const family of ["-4", "-6"]) {
    expect(await inNode("ip", family, "rule", "show")).not.toMatch(rulesBeside);
    expect(await inNode("ip", family, "route", "show", "table", "all", "proto", "72")).toBe("");
    expect(await inNode("ip", family, "route", "show", "type", "unreachable")).toBe("");
  }
  expect(await inNode("ip", "address", "show", "dev", "lo")).not.toContain(node.routerAddress);
  expect(await inNode("nft", "list", "tables")).not.toContain("headcni");
  expect(await preferences(node.tailscaledSocket)).toEqual({ RouteAll: false, AdvertiseRoutes: [] });
}

async function expectEmptyNode(node: LabNode): Promise<void> {
  const inNode = (...command: CommandLine) => run(inNetns(node.netns, command));
  const links = JSON.parse(await inNode("ip", "-j", "link", "show")) as readonly { ifname: string }[];
  // The kernel gives every namespace an lo, and some kernels ifb devices.
  expect(links.map(({ ifname }) => ifname).filter((name) => !/^(lo|ifb\d)$/.test(name))).toEqual(["eth0"]);
  // The kernel's rules are those of local, main and, for IPv4 only, default.
  for (const [family, rules] of [
    ["-4", 3],
    ["-6", 2],
  ] as const) {
    const lines = (await inNode("ip", family, "rule", "show")).split("\n").filter((line) => line !== "");
    expect(lines).toHaveLength(rules);
    expect(await inNode("ip", family, "route", "show", "table", "all", "proto", "72")).toBe("");
    expect(await inNode("ip", family, "route", "show", "type", "unreachable")).toBe("");
  }
  expect(await inNode("nft", "list", "ruleset")).toBe("");
}
