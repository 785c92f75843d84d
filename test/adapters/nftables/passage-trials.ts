import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect } from "vitest";
import { openFirewall } from "../../../src/adapters/nftables/open-firewall.ts";
import { loadTable, type NftTable } from "../../../src/domain/nftables/nft-table.ts";
import type { Firewall } from "../../../src/ports/firewall.ts";
import { anyPacket, everyPacket, type PacketWorld } from "../../domain/firewall/firewall-packets.ts";
import { inNetns, netnsPath } from "../../lab/network/netns.ts";
import { run } from "../../lab/run-command.ts";
import type { FilterPacket } from "../../support/kernel/filter-packet.ts";
import { passageOf } from "../../support/kernel/packet-filter.ts";
import { type Emerged, type PacketRig, packetRig } from "./packet-rig.ts";

/** A namespace whose packets are compared. */
export interface PassageWorld extends PacketWorld {
  readonly addresses: readonly { readonly link: string; readonly address: string }[];
  /** What `masquerade` puts in, by the link that the packet leaves by; any where a link has none. */
  readonly linkAddresses: Readonly<Record<string, Readonly<Record<4 | 6, string>>>>;
  /** A packet that passes every table there: what comes out after it tells that the others had their time. */
  readonly last: FilterPacket;
  /** What is sent whatever else the sample has. */
  readonly always?: (packet: FilterPacket) => boolean;
}

const untrackedPort = 7777;

/** The namespace on the kernel, with these tables of ours. `remove` the rig afterwards. */
export async function loaded(
  world: PassageWorld,
  tables: readonly NftTable[],
): Promise<{ readonly rig: PacketRig; readonly firewall: Firewall }> {
  const sources = Object.values(world.places)
    .flat()
    .flatMap(({ address, link }) => (link === undefined ? [] : [{ address, link }]));
  const { links, addresses } = world;
  const rig = await packetRig({ label: "packets", links, addresses, sources });
  const firewall = openFirewall({ tailnetPath: () => netnsPath(rig.netns) });
  const documents = tables.map((table) => ({ tool: "nft", document: loadTable(table) }) as const);
  await firewall.apply("tailnet", documents);
  await run(inNetns(rig.netns, ["nft", "-f", "-"]), {
    input: `table inet raw { chain untracked { type filter hook prerouting priority -310; udp sport ${untrackedPort} notrack; }; }`,
  });
  return { rig, firewall };
}

/** A packet as the interpreter takes it, and what must be sent before so that the kernel takes it the same. */
interface Trial {
  readonly opener: readonly FilterPacket[];
  readonly packet: FilterPacket;
}

/** Undefined for what no far end can show: packets of and for the namespace itself, and flows that never began. */
function trialOf(
  world: PassageWorld,
  tables: readonly NftTable[],
  packet: FilterPacket,
  index: number,
): Trial | undefined {
  const { input, output, state, later, source, destination } = packet;
  if (input === undefined || output === undefined || state === "related") return undefined;
  if (later !== undefined || packet.answersTranslated === true || packet.mark !== undefined) return undefined;
  if (packet.toSelf && passageOf(tables, packet).destination === destination) return undefined;
  if (state === "untracked") return { opener: [], packet: { ...packet, sourcePort: untrackedPort } };
  if (state !== "established") return { opener: [], packet };
  const ports = { sourcePort: 5353, destinationPort: 20_000 + index };
  const { sourceLink: _sourceLink, ...rest } = packet;
  const link = world.places[packet.family].find(({ address }) => address === destination)?.link;
  const opener: FilterPacket = {
    ...{ ...rest, ...ports, state: "new", toSelf: false },
    ...{ input: output, output: input, source: destination, destination: source },
    ...(link === undefined ? {} : { sourceLink: link }),
  };
  const opened = passageOf(tables, opener);
  const begins =
    opened.passes && opened.source === opener.source && opened.destination === opener.destination;
  if (packet.protocol !== "udp" || packet.toSelf || isOwn(world, source) || !begins) return undefined;
  return {
    opener: [opener],
    packet: { ...packet, sourcePort: ports.destinationPort, destinationPort: ports.sourcePort },
  };
}

function isOwn({ addresses }: PassageWorld, address: string): boolean {
  return addresses.some((own) => own.address.split("/")[0] === address);
}

function expected(
  { linkAddresses }: PassageWorld,
  tables: readonly NftTable[],
  packet: FilterPacket,
  found: Emerged | undefined,
): Emerged {
  const { passes, source, destination, segmentSize } = passageOf(tables, packet);
  if (!passes || packet.output === undefined) return "nowhere";
  const any = found === undefined || found === "nowhere" ? "" : found.source;
  return {
    link: packet.output.name,
    source: source === "masqueraded" ? (linkAddresses[packet.output.name]?.[packet.family] ?? any) : source,
    destination,
    ...(segmentSize === undefined ? {} : { segmentSize }),
  };
}

/**
 * Compares for a random sample and each `stride`th of all combinations. Returns what was refused and what passed, by state
 * of the flow, so that the comparison is known to say something.
 */
export async function compare(
  on: PacketRig,
  world: PassageWorld,
  tables: readonly NftTable[],
  stride: number,
): Promise<ReadonlySet<string>> {
  const { always = () => false } = world;
  const chosen = everyPacket(world).filter((packet, index) => index % stride === 0 || always(packet));
  const trials = [...fc.sample(anyPacket(world), 500), ...chosen].flatMap(
    (packet, index) => trialOf(world, tables, packet, index) ?? [],
  );
  const sent = trials.flatMap(({ opener, packet }) => [...opener, packet]);
  const emerged = await on.send([...sent, world.last]);
  const differing = sent
    .map((packet, index) => ({
      packet,
      kernel: emerged[index],
      interpreter: expected(world, tables, packet, emerged[index]),
    }))
    .filter(({ kernel, interpreter }) => !isDeepStrictEqual(kernel, interpreter));
  expect(differing).toEqual([]);
  const verdicts = sent.map(
    ({ state }, index) => `${state} ${emerged[index] === "nowhere" ? "refused" : "passes"}`,
  );
  return new Set(verdicts);
}

const verdicts = ["new", "established", "invalid", "untracked"].flatMap((state) => [
  `${state} passes`,
  `${state} refused`,
]);
export const bothVerdicts = new Set(verdicts);
/** Whatever may open a flow there gets its answers. */
export const answered = new Set(verdicts.filter((verdict) => verdict !== "established refused"));
