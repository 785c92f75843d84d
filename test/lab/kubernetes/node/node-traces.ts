import type { Lab, LabNode } from "../../lab-types.ts";
import { inNetns } from "../../network/netns.ts";
import { run } from "../../run-command.ts";
import { ctr } from "./containerd.ts";
import { inNode } from "./node-machine.ts";

/** Everything a node keeps for the pods that it has, whichever plugin attached them; each list sorted. */
export type NodeTraces = {
  /** Names of the node's ends of veth pairs. */
  readonly links: readonly string[];
  /** Routes of the main table, as iproute2 names their destinations. */
  readonly routes: readonly string[];
  readonly neighbours: readonly string[];
  /** Names in the node's /run/netns. */
  readonly namespaces: readonly string[];
  /** Ids of containerd's containers, sandboxes included. */
  readonly containers: readonly string[];
};

/** Reads what a node keeps for its pods. */
export async function nodeTraces(lab: Lab, node: LabNode): Promise<NodeTraces> {
  const list = async (key: string, ...args: readonly string[]) => {
    const printed = await run(inNetns(node.netns, ["ip", "-j", ...args]));
    const rows = JSON.parse(printed || "[]") as readonly Readonly<Record<string, unknown>>[];
    return rows.map((row) => String(row[key])).sort();
  };
  const words = (text: string) => text.split(/\s+/).filter((word) => word !== "");
  return {
    links: await list("ifname", "link", "show", "type", "veth"),
    routes: await list("dst", "route", "show"),
    neighbours: await list("dst", "neighbour", "show", "nud", "permanent"),
    namespaces: words(await run(await inNode(lab, node, ["ls", "/run/netns"]))).sort(),
    containers: words(await ctr(lab, node, ["containers", "ls", "-q"])).sort(),
  };
}
