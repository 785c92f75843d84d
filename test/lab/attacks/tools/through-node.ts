import { LabError } from "../../lab-error.ts";
import type { Lab, LabNode } from "../../lab-types.ts";
import { inNetns, ipBatch } from "../../network/netns.ts";
import { plugInHost, type UnderlayHost, underlayAddress, unplugHost } from "../../network/underlay.ts";
import { run, runResult } from "../../run-command.ts";
import type { Finding, Scene } from "../attack.ts";
import { type Probe, type ProbeWay, probeFilter, probesIn, sendProbes } from "./probes.ts";
import { linkIn, type WatchedLink, watchLinks } from "./watch-links.ts";

/** A host on the nodes' underlay that uses a node as its gateway. */
export interface Neighbour extends UnderlayHost {
  /** Its addresses, one for each family of the lab. */
  readonly addresses: readonly string[];
  /** Routes prefixes by way of the attacked node. */
  readonly route: (prefixes: readonly string[]) => Promise<void>;
}

/** Lends a neighbour; its host is gone when `work` ends. Throws LabError BAD_OPTION for a node behind a router. */
export async function withNeighbour<T>(
  { lab, node }: Scene,
  work: (neighbour: Neighbour) => Promise<T>,
): Promise<T> {
  if (node.natNetns !== undefined)
    throw new LabError("BAD_OPTION", `${node.name} is behind a router: it has no neighbour on the underlay`);
  const host = await plugInHost(lab, "neighbour");
  const addresses = lab.options.families.flatMap((family) =>
    family === 4 ? [host.address] : host.address6 === undefined ? [] : [host.address6],
  );
  const route = (prefixes: readonly string[]) =>
    ipBatch(
      host.netns,
      prefixes.map((prefix) => `route replace ${prefix} via ${gatewayOf(node, prefix)} dev eth0`),
    );
  try {
    return await work({ ...host, addresses, route });
  } finally {
    await unplugHost(lab, "neighbour");
  }
}

function gatewayOf(node: LabNode, prefix: string): string {
  const { address6 } = node;
  if (!prefix.includes(":")) return underlayAddress(node);
  if (address6 === undefined)
    throw new LabError("BAD_OPTION", `${node.name} has no IPv6 address on the underlay`);
  return address6;
}

/** What a neighbour sends by way of the attacked node, and where that would arrive. */
export interface ThroughNode {
  readonly neighbour: Neighbour;
  readonly probes: readonly Probe[];
  readonly places: readonly Omit<WatchedLink, "filter">[];
  /** Honest traffic that passes each place, before and after what counts. */
  readonly honest: () => Promise<void>;
}

/** Sends probes and tells which of them arrived, and which were answered to the neighbour, in plaintext as it got them. */
export async function sendThroughNode(lab: Lab, attempt: ThroughNode): Promise<readonly Finding[]> {
  const { neighbour, probes, places, honest } = attempt;
  const filter = probeFilter(probes);
  const watched = places.map((place) => ({ ...place, filter }));
  const answers = `(${filter}) and (${neighbour.addresses.map((address) => `dst host ${address}`).join(" or ")})`;
  const ownLink = { what: neighbourWord, ...linkIn(neighbour.netns, "eth0"), filter: answers };
  const seen = await watchLinks(lab, [...watched, ownLink], async () => {
    await honest();
    await sendProbes(lab, neighbour.netns, probes);
    await honest();
    // What waited for a neighbour's or a tunnel's answer at first is sent once more.
    await sendProbes(lab, neighbour.netns, probes);
    await honest();
  });
  return seen.map(({ what, lines }) => arrivalFinding(what, probesIn(lines, probes), probes));
}

const neighbourWord = "the neighbour itself";

/** What arrived at a place in words, and that nothing should have. */
export function arrivalFinding(place: string, arrived: readonly Probe[], probes: readonly Probe[]): Finding {
  if (arrived.length === 0) return { saw: `none of ${probes.length} packets reached ${place}`, harm: false };
  return { saw: `${place} got ${arrived.map(({ what }) => what).join(", ")}`, harm: true };
}

/** Each pair of a source and a destination of one family. */
export function waysBetween(
  sources: readonly string[],
  destinations: readonly string[],
): readonly ProbeWay[] {
  return sources.flatMap((source) => destinations.map((destination) => ({ source, destination })));
}

/** A firewall of somebody else on a node, in force while `work` runs. */
export async function withForeignTable<T>(
  node: LabNode,
  name: string,
  body: string,
  work: () => Promise<T>,
): Promise<T> {
  const nft = (input: string) => run(inNetns(node.netns, ["nft", "-f", "-"]), { input });
  await nft(`table inet ${name} {\n${body}\n}\n`);
  try {
    return await work();
  } finally {
    await runResult(inNetns(node.netns, ["nft", "delete", "table", "inet", name]));
  }
}
