import type { LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { run } from "../../lab/run-command.ts";

/** What a pod leaves behind in the kernel when it is not undone, counted in a node's namespace. */
export type KernelCount = {
  readonly links: number;
  readonly addresses: number;
  readonly routes: number;
  readonly neighbours: number;
  readonly rules: number;
  /** Lines of the nftables ruleset: an element of a set is one, too. */
  readonly firewallLines: number;
};

/** Counts a node's links, addresses, routes of all tables, permanent neighbours, rules and firewall lines. */
export async function countKernel(node: LabNode): Promise<KernelCount> {
  const lines = async (...command: readonly [string, ...string[]]) =>
    (await run(inNetns(node.netns, command))).split("\n").filter((line) => line.trim() !== "").length;
  return {
    links: await lines("ip", "-o", "link"),
    addresses: await lines("ip", "-o", "address"),
    routes:
      (await lines("ip", "-4", "route", "show", "table", "all")) +
      (await lines("ip", "-6", "route", "show", "table", "all")),
    neighbours: await lines("ip", "neighbour", "show", "nud", "permanent"),
    rules: await lines("ip", "rule"),
    firewallLines: await lines("nft", "list", "ruleset"),
  };
}
