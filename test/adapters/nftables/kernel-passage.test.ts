import { afterEach, expect, test } from "vitest";
import { allowlistTable } from "../../../src/domain/nftables/nft-allowlist-table.ts";
import { repairForeignChain } from "../../../src/domain/nftables/nft-foreign.ts";
import { acceptStatements, forwardAccepts } from "../../../src/domain/nftables/nft-foreign-accepts.ts";
import { nodeTable } from "../../../src/domain/nftables/nft-node-table.ts";
import type { NftTable } from "../../../src/domain/nftables/nft-table.ts";
import { tailnetTable } from "../../../src/domain/nftables/nft-tailnet-table.ts";
import { dualStack } from "../../domain/firewall/firewall-nodes.ts";
import { seenInX } from "../../domain/firewall/firewall-packets.ts";
import { nodeLinks, tailnetLinks } from "../../domain/firewall/firewall-words.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { run } from "../../lab/run-command.ts";
import type { FilterPacket } from "../../support/kernel/filter-packet.ts";
import type { PacketRig } from "./packet-rig.ts";
import { answered, bothVerdicts, compare, loaded, type PassageWorld } from "./passage-trials.ts";

const { settings, places, kubeProxy } = dualStack;
const { pod, leaving, tailnet, underlay, containers } = nodeLinks;
const last: Omit<FilterPacket, "input" | "output"> = {
  ...{ family: 4, source: "10.244.1.5", destination: "10.244.2.5" },
  ...{ protocol: "udp", destinationPort: 9, state: "new", toSelf: false },
};
const node: PassageWorld = {
  ...{ links: [tailnet, underlay, pod, leaving, containers], places },
  addresses: [
    { link: "lo", address: "10.244.1.1/32" },
    { link: "lo", address: "10.244.9.1/32" },
    { link: "lo", address: "fd00:1::1/128" },
    { link: underlay.name, address: "10.77.0.2/24" },
    { link: underlay.name, address: "fd77::2/64" },
    { link: containers.name, address: "172.17.0.1/16" },
    { link: containers.name, address: "fd17::1/64" },
  ],
  linkAddresses: {
    [underlay.name]: { 4: "10.77.0.2", 6: "fd77::2" },
    [containers.name]: { 4: "172.17.0.1", 6: "fd17::1" },
  },
  last: { ...last, input: pod, output: tailnet },
};
const inX: PassageWorld = {
  ...{ links: Object.values(tailnetLinks), places: seenInX(places), addresses: [], linkAddresses: {} },
  last: { ...last, input: tailnetLinks.node, output: tailnetLinks.tunnel },
};

let rig: PacketRig | undefined;
afterEach(async () => {
  await rig?.remove();
});

async function made(world: PassageWorld, tables: readonly NftTable[]) {
  const { rig: on, firewall } = await loaded(world, tables);
  rig = on;
  return { on, firewall };
}

test("the kernel does with the node's table what the interpreter says", async () => {
  const tables = [nodeTable(settings), kubeProxy];
  const { on } = await made(node, tables);
  expect(await compare(on, node, tables, 29)).toEqual(bothVerdicts);
});

test("the kernel does with the table in X what the interpreter says", async () => {
  const tables = [tailnetTable(settings)];
  const { on } = await made(inX, tables);
  expect(await compare(on, inX, tables, 7)).toEqual(bothVerdicts);
});

test("the kernel does with the allowlist in X, prefixes and ranges, what the interpreter says", async () => {
  const { supernets, carrier } = settings;
  const believed = ["10.244.2.0/24", "10.244.3.0-10.244.3.8", "10.244.3.10-10.244.3.255", "fd00:2::/64"];
  const tables = [allowlistTable({ supernets, tunnel: carrier.tunnel.name }, believed)];
  const { on } = await made(inX, tables);
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
    const { on, firewall } = await made(node, [kubeProxy]);
    await run(inNetns(on.netns, make));
    const place = { hook: "forward", policy: "drop", rules: [] } as const;
    for (const chain of chains)
      await firewall.apply("tailnet", repairForeignChain(settings, { ...chain, ...place }));
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
