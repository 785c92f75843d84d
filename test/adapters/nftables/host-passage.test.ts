import { afterEach, expect, test } from "vitest";
import { hostAllowlist } from "../../../src/domain/host-guard/host-allowlist.ts";
import { hostTable } from "../../../src/domain/host-guard/host-table.ts";
import { inAny } from "../../domain/firewall/firewall-words.ts";
import { hostLinks, hostNodes, onNode } from "../../domain/host-guard/host-nodes.ts";
import { type OwnerFirewall, ownerTables } from "../../domain/host-guard/owner-firewall.ts";
import { iptablesLines, nftText } from "../../domain/host-guard/owner-firewall-text.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { run } from "../../lab/run-command.ts";
import type { PacketRig } from "./packet-rig.ts";
import { bothVerdicts, compare, loaded, type PassageWorld } from "./passage-trials.ts";

const { settings, believed, places, kubeProxy, terms } = hostNodes.whole;
const { tunnel, underlay, containers, pod, leaving } = hostLinks;
const world: PassageWorld = {
  ...{ links: [tunnel, underlay, pod, leaving, containers], places, kinds: onNode.kinds ?? [] },
  addresses: [
    ...["10.244.1.1/32", "10.244.9.1/32", "fd00:1::1/128"].map((address) => ({ link: "lo", address })),
    ...["100.64.0.1/32", "fd7a:115c:a1e0::1/128"].map((address) => ({ link: tunnel.name, address })),
    ...["10.77.0.2/24", "fd77::2/64"].map((address) => ({ link: underlay.name, address })),
    ...["172.17.0.1/16", "fd17::1/64"].map((address) => ({ link: containers.name, address })),
  ],
  linkAddresses: {
    [tunnel.name]: { 4: "100.64.0.1", 6: "fd7a:115c:a1e0::1" },
    [underlay.name]: { 4: "10.77.0.2", 6: "fd77::2" },
    [containers.name]: { 4: "172.17.0.1", 6: "fd17::1" },
  },
  // From a pod elsewhere to one here: what tailscaled would give the node's address.
  always: ({ input, output, source, destination }) =>
    input === tunnel &&
    (output === pod || output === leaving) &&
    inAny(source, believed) &&
    inAny(destination, terms.own),
  last: {
    ...{ family: 4, input: pod, output: tunnel, source: "10.244.1.5", destination: "10.244.2.5" },
    ...{ protocol: "udp", destinationPort: 9, state: "new", toSelf: false },
  },
};
const ours = [
  hostTable(settings),
  hostAllowlist(settings, { prefixes: believed, nodes: terms.nodes }),
  kubeProxy,
];

/** As tailscaled's own ways of making them have it. */
const makers = {
  nft: (netns: string, owner: OwnerFirewall) =>
    run(inNetns(netns, ["nft", "-f", "-"]), { input: nftText(owner) }),
  iptables: async (netns: string, owner: OwnerFirewall) => {
    for (const [family, restore] of [
      [4, "iptables-restore"],
      [6, "ip6tables-restore"],
    ] as const)
      await run(inNetns(netns, [restore, "--noflush"]), { input: iptablesLines(owner, family) });
  },
} as const;

let rig: PacketRig | undefined;
afterEach(async () => {
  await rig?.remove();
});

test.each([
  { by: "nft", mode: "on", snat: true },
  { by: "nft", mode: "on", snat: false },
  { by: "iptables", mode: "on", snat: true },
  { by: "iptables", mode: "nodivert", snat: true },
  { by: "nft", mode: "off", snat: false },
] as const)(
  "the kernel does with our tables what the interpreter says, beside a tailscaled with $by, netfilter $mode, SNAT $snat",
  async ({ by, ...owner }) => {
    const made = await loaded(world, ours);
    rig = made.rig;
    if (owner.mode !== "off") await makers[by](rig.netns, owner);
    expect(await compare(rig, world, [...ours, ...ownerTables(owner)], 101)).toEqual(bothVerdicts);
  },
);
