import { tailnetTable } from "../../../../src/domain/kernel/kernel-constants.ts";
import { intoTailnet } from "../../../lab/headcni/wire.ts";
import type { LabNode } from "../../../lab/lab-types.ts";
import { inNetns } from "../../../lab/network/netns.ts";
import { type CommandLine, run, runResult } from "../../../lab/run-command.ts";

/** Runs a command in X, the namespace of a node's tailscaled. */
export async function runInX(node: LabNode, command: CommandLine): Promise<string> {
  return await run((await intoTailnet(node))(command));
}

/** Of both families all rules, refusals, routes, addresses, firewalls and forwarding that the guard is meant to hold, as the tools print them. */
export async function heldByGuard(node: LabNode): Promise<string> {
  // A table of a family that pods do not have is an error for iproute2, and a view as good as another.
  const said = async (command: CommandLine) => {
    const { stdout, stderr } = await runResult(command);
    return stdout + stderr;
  };
  const inNode = (command: CommandLine) => said(inNetns(node.netns, command));
  const enter = await intoTailnet(node);
  const inX = (command: CommandLine) => said(enter(command));
  const views: Promise<string>[] = [];
  for (const family of ["-4", "-6"])
    views.push(
      ...[inNode, inX].map((where) => where(["ip", family, "rule", "show"])),
      inNode(["ip", family, "route", "show", "table", "all", "type", "unreachable"]),
      inNode(["ip", family, "route", "show", "table", String(tailnetTable)]),
      inNode(["ip", family, "-o", "address", "show", "dev", "headcni0"]),
      inX(["ip", family, "route", "show", "proto", "72"]),
    );
  for (const where of [inNode, inX])
    views.push(
      where(["nft", "-s", "list", "table", "inet", "headcni"]),
      where(["sysctl", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]),
    );
  // What was put back stands in another order: addresses, and elements within a line.
  const sorted = (view: string) =>
    view
      .split("\n")
      .map((line) => line.split(" ").sort().join(" "))
      .sort()
      .join("\n");
  return (await Promise.all(views)).map(sorted).join("\n--");
}
