import { LabError } from "../lab-error.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import { run, runResult } from "../run-command.ts";
import { inNetns } from "./netns.ts";
import { portOf, underlayAddress } from "./underlay.ts";

/** Bridge port states of the kernel (include/uapi/linux/if_bridge.h): a disabled port keeps its carrier and drops all. */
const portDisabled = "0";
const portForwarding = "3";

/** Cuts a node off from everybody, as a switch does that drops: its cable stays up. */
export async function partitionNode(lab: Lab, node: LabNode): Promise<void> {
  await setPort(lab, node, portDisabled);
}

/** Drops all UDP between two nodes, or that of one family: their tailscaleds have only the relay, or only the other family. */
export async function blockDirectPath(
  lab: Lab,
  a: LabNode,
  b: LabNode,
  families: readonly (4 | 6)[] = [4, 6],
): Promise<void> {
  const table = ["block", ...[portOf(a), portOf(b)].sort(), ...families].join("_");
  const drop = (to: LabNode, family: 4 | 6) =>
    family === 4
      ? `ip daddr ${underlayAddress(to)} meta l4proto udp drop`
      : to.address6 === undefined
        ? ""
        : `ip6 daddr ${to.address6} meta l4proto udp drop`;
  const chain = (from: LabNode, to: LabNode) => `  chain from_${portOf(from)} {
    type filter hook ingress device ${portOf(from)} priority 0;
    ${families.map((family) => drop(to, family)).join("\n    ")}
  }
`;
  // An empty table first, so that deleting it works whether the path was blocked before or not.
  const fresh = `table netdev ${table}\ndelete table netdev ${table}\n`;
  await nft(lab, `${fresh}table netdev ${table} {\n${chain(a, b)}${chain(b, a)}}\n`);
}

/** How slow a node's cable gets, in tc(8)'s words: `10mbit`, `20ms`. */
export type Slowness = { readonly rate: string; readonly delay?: string };

/** Makes a node's cable slow in both directions. A delay needs a kernel with netem; LabError BAD_OPTION without. */
export async function slowDown(lab: Lab, node: LabNode, { rate, delay }: Slowness): Promise<void> {
  const discipline =
    delay === undefined
      ? ["tbf", "rate", rate, "burst", "32kb", "latency", "100ms"]
      : ["netem", "rate", rate, "delay", delay];
  for (const { netns, device } of cableEnds(lab, node)) {
    const command = ["tc", "qdisc", "replace", "dev", device, "root", ...discipline] as const;
    const { exitCode, stderr } = await runResult(inNetns(netns, [...command]));
    if (exitCode === 0) continue;
    const hint =
      delay !== undefined && stderr.includes("unknown")
        ? " (this kernel has no netem: only --rate works)"
        : "";
    throw new LabError("BAD_OPTION", `tc refused${hint}: ${stderr.trim()}`);
  }
}

/** Undoes every network fault of a lab. */
export async function healNetwork(lab: Lab): Promise<void> {
  for (const node of lab.nodes) {
    await setPort(lab, node, portForwarding);
    for (const { netns, device } of cableEnds(lab, node)) {
      await runResult(inNetns(netns, ["tc", "qdisc", "del", "dev", device, "root"]));
    }
  }
  for (const table of await blockTables(lab)) await nft(lab, `delete table netdev ${table}`);
}

/** The network faults there are now, in words, read from the kernel. */
export async function networkFaults(lab: Lab): Promise<readonly string[]> {
  const links = await run(inNetns(lab.netns, ["bridge", "link", "show"]));
  const partitioned = lab.nodes.filter((node) =>
    new RegExp(`\\b${portOf(node)}@.* state disabled`).test(links),
  );
  const queues = await run(inNetns(lab.netns, ["tc", "qdisc", "show"]));
  const slow = lab.nodes.filter((node) =>
    new RegExp(`qdisc (tbf|netem) .* dev ${portOf(node)} `).test(queues),
  );
  return [
    ...partitioned.map((node) => `${node.name} partitioned`),
    ...(await blockTables(lab)).map((table) => {
      const [, a, b, ...families] = table.split("_");
      const kind = families.length === 1 ? `UDP of IPv${families[0]}` : "UDP";
      return `${kind} blocked between ${a} and ${b}`;
    }),
    ...slow.map((node) => `${node.name} slow`),
  ];
}

async function setPort(lab: Lab, node: LabNode, state: string): Promise<void> {
  await run(inNetns(lab.netns, ["bridge", "link", "set", "dev", portOf(node), "state", state]));
}

async function blockTables(lab: Lab): Promise<readonly string[]> {
  const tables = await run(inNetns(lab.netns, ["nft", "list", "tables", "netdev"]));
  return tables.split("\n").flatMap((line) => /^table netdev (block_\S+)$/.exec(line)?.[1] ?? []);
}

async function nft(lab: Lab, ruleset: string): Promise<void> {
  await run(inNetns(lab.netns, ["nft", "-f", "-"]), { input: ruleset });
}

/** Both ends of a node's cable: the bridge port, and `eth0` of the node or of the router before it. */
function cableEnds(lab: Lab, node: LabNode): readonly { readonly netns: string; readonly device: string }[] {
  return [
    { netns: lab.netns, device: portOf(node) },
    { netns: node.natNetns ?? node.netns, device: "eth0" },
  ];
}
