import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { openFirewall } from "../../../src/adapters/nftables/open-firewall.ts";
import { allowlistTable } from "../../../src/domain/nft-allowlist-table.ts";
import { mendForeignChain } from "../../../src/domain/nft-foreign.ts";
import { acceptStatements, forwardAccepts } from "../../../src/domain/nft-foreign-accepts.ts";
import { nodeTable } from "../../../src/domain/nft-node-table.ts";
import { loadTable, type NftTable } from "../../../src/domain/nft-table.ts";
import { tailnetTable } from "../../../src/domain/nft-tailnet-table.ts";
import { dualStack } from "../../domain/firewall-nodes.ts";
import { anyPacket, everyPacket, type PacketWorld, seenInX } from "../../domain/firewall-packets.ts";
import { nodeLinks, tailnetLinks } from "../../domain/firewall-sentences.ts";
import { inNetns, netnsPath } from "../../lab/netns.ts";
import { run } from "../../lab/run-command.ts";
import { type FilterPacket, passageOf } from "../../support/packet-filter.ts";
import { type Emerged, type PacketRig, packetRig } from "./packet-rig.ts";

const { settings, places, kubeProxy } = dualStack;
const { pod, leaving, tailnet, underlay, containers } = nodeLinks;
const node: PacketWorld = { links: [tailnet, underlay, pod, leaving, containers], places };
const inX: PacketWorld = { links: Object.values(tailnetLinks), places: seenInX(places) };
const nodeAddresses = [
  { link: "lo", address: "10.244.1.1/32" },
  { link: "lo", address: "10.244.9.1/32" },
  { link: "lo", address: "fd00:1::1/128" },
  { link: underlay.name, address: "10.77.0.2/24" },
  { link: underlay.name, address: "fd77::2/64" },
  { link: containers.name, address: "172.17.0.1/16" },
  { link: containers.name, address: "fd17::1/64" },
];
/** What `masquerade` puts in, by the link that the packet leaves by. */
const linkAddresses: Readonly<Record<string, Readonly<Record<4 | 6, string>>>> = {
  [underlay.name]: { 4: "10.77.0.2", 6: "fd77::2" },
  [containers.name]: { 4: "172.17.0.1", 6: "fd17::1" },
};
const untrackedPort = 7777;

let rig: PacketRig | undefined;
afterEach(async () => {
  await rig?.remove();
});

async function loaded(world: PacketWorld, addresses: typeof nodeAddresses, tables: readonly NftTable[]) {
  const sources = Object.values(world.places)
    .flat()
    .flatMap(({ address, link }) => (link === undefined ? [] : [{ address, link }]));
  const made = await packetRig({ label: "packets", links: world.links, addresses, sources });
  rig = made;
  const firewall = openFirewall({ tailnetPath: () => netnsPath(made.netns) });
  const documents = tables.map((table) => ({ tool: "nft", document: loadTable(table) }) as const);
  await firewall.apply("tailnet", documents);
  await run(inNetns(made.netns, ["nft", "-f", "-"]), {
    input: `table inet raw { chain untracked { type filter hook prerouting priority -310; udp sport ${untrackedPort} notrack; }; }`,
  });
  return { rig: made, firewall };
}

/** A packet as the interpreter takes it, and what must be sent before so that the kernel takes it the same. */
interface Trial {
  readonly opener: readonly FilterPacket[];
  readonly packet: FilterPacket;
}

/** Undefined for what no far end can show: packets of and for the namespace itself, and flows that never began. */
function trialOf(tables: readonly NftTable[], packet: FilterPacket, index: number): Trial | undefined {
  const { input, output, state, later, source, destination } = packet;
  if (input === undefined || output === undefined || state === "related") return undefined;
  if (later !== undefined) return undefined;
  if (packet.toSelf && passageOf(tables, packet).destination === destination) return undefined;
  if (state === "untracked") return { opener: [], packet: { ...packet, sourcePort: untrackedPort } };
  if (state !== "established") return { opener: [], packet };
  const ports = { sourcePort: 5353, destinationPort: 20_000 + index };
  const { sourceLink: _sourceLink, ...rest } = packet;
  const link = places[packet.family].find(({ address }) => address === destination)?.link;
  const opener: FilterPacket = {
    ...{ ...rest, ...ports, state: "new", toSelf: false },
    ...{ input: output, output: input, source: destination, destination: source },
    ...(link === undefined ? {} : { sourceLink: link }),
  };
  const opened = passageOf(tables, opener);
  const begins =
    opened.passes && opened.source === opener.source && opened.destination === opener.destination;
  if (packet.protocol !== "udp" || packet.toSelf || isOwn(source) || !begins) return undefined;
  return {
    opener: [opener],
    packet: { ...packet, sourcePort: ports.destinationPort, destinationPort: ports.sourcePort },
  };
}

function isOwn(address: string): boolean {
  return nodeAddresses.some((own) => own.address.split("/")[0] === address);
}

function expected(tables: readonly NftTable[], packet: FilterPacket): Emerged {
  const { passes, source, destination, segmentSize } = passageOf(tables, packet);
  if (!passes || packet.output === undefined) return "nowhere";
  return {
    link: packet.output.name,
    source: source === "masqueraded" ? (linkAddresses[packet.output.name]?.[packet.family] ?? "") : source,
    destination,
    ...(segmentSize === undefined ? {} : { segmentSize }),
  };
}

/** A packet that passes every table here: what comes out after it tells that the others had their time. */
function lastOf(world: PacketWorld): FilterPacket {
  const [input, output] = world === inX ? [tailnetLinks.node, tailnetLinks.tunnel] : [pod, tailnet];
  const kind = { protocol: "udp", destinationPort: 9, state: "new", toSelf: false } as const;
  return { family: 4, input, output, source: "10.244.1.5", destination: "10.244.2.5", ...kind };
}

/**
 * Compares for a random sample and each `stride`th of all combinations. Returns what was refused and what passed, by state
 * of the flow, so that the comparison is known to say something.
 */
async function compare(on: PacketRig, world: PacketWorld, tables: readonly NftTable[], stride: number) {
  const chosen = everyPacket(world).filter((_packet, index) => index % stride === 0);
  const trials = [...fc.sample(anyPacket(world), 500), ...chosen].flatMap(
    (packet, index) => trialOf(tables, packet, index) ?? [],
  );
  const sent = trials.flatMap(({ opener, packet }) => [...opener, packet]);
  const emerged = await on.send([...sent, lastOf(world)]);
  const differing = sent
    .map((packet, index) => ({ packet, kernel: emerged[index], interpreter: expected(tables, packet) }))
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
const bothVerdicts = new Set(verdicts);
/** Whatever may open a flow there gets its answers. */
const answered = new Set(verdicts.filter((verdict) => verdict !== "established refused"));

test("the kernel does with the node's table what the interpreter says", async () => {
  const tables = [nodeTable(settings), kubeProxy];
  const { rig: on } = await loaded(node, nodeAddresses, tables);
  expect(await compare(on, node, tables, 29)).toEqual(bothVerdicts);
});

test("the kernel does with the table in X what the interpreter says", async () => {
  const tables = [tailnetTable(settings)];
  const { rig: on } = await loaded(inX, [], tables);
  expect(await compare(on, inX, tables, 7)).toEqual(bothVerdicts);
});

test("the kernel does with the allowlist in X, prefixes and ranges, what the interpreter says", async () => {
  const { supernets, tunnel } = settings;
  const believed = ["10.244.2.0/24", "10.244.3.0-10.244.3.8", "10.244.3.10-10.244.3.255", "fd00:2::/64"];
  const tables = [allowlistTable({ supernets, tunnel: tunnel.name }, believed)];
  const { rig: on } = await loaded(inX, [], tables);
  expect(await compare(on, inX, tables, 1)).toEqual(answered);
});

test.each([
  {
    of: "nft",
    make: [
      "nft",
      "add table inet theirs; add chain inet theirs f { type filter hook forward priority 0; policy drop; }",
    ],
    chains: [{ family: "inet", table: "theirs", chain: "f", manager: "nft" }],
  },
  {
    of: "iptables",
    make: ["sh", "-c", "iptables -P FORWARD DROP; ip6tables -P FORWARD DROP"],
    chains: [
      { family: "ip", table: "filter", chain: "FORWARD", manager: "iptables" },
      { family: "ip6", table: "filter", chain: "FORWARD", manager: "ip6tables" },
    ],
  },
] as const)(
  "the kernel does with our accepts in a dropping chain of $of what the interpreter says",
  async ({ make, chains }) => {
    const { rig: on, firewall } = await loaded(node, nodeAddresses, [kubeProxy]);
    await run(inNetns(on.netns, make));
    const place = { hook: "forward", policy: "drop", rules: [] } as const;
    for (const chain of chains)
      await firewall.apply("tailnet", mendForeignChain(settings, { ...chain, ...place }));
    const rules = forwardAccepts(settings).map((rule) => ({
      name: rule.name,
      statements: acceptStatements(rule, false),
    }));
    const theirs: NftTable = {
      name: "theirs",
      chains: [{ name: "f", type: "filter", hook: "forward", priority: 0, policy: "drop", rules }],
    };
    expect(await compare(on, node, [theirs, kubeProxy], 59)).toEqual(answered);
  },
);
