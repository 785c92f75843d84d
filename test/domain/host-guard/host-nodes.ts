import fc from "fast-check";
import type { HostGuard, NamespaceGuard } from "../../../src/domain/guard/guard-settings.ts";
import { masquerade, wasTranslated } from "../../../src/domain/nftables/nft-statements.ts";
import type { NftChain } from "../../../src/domain/nftables/nft-table.ts";
import { believedPrefixes } from "../../../src/domain/tailnet/believed-prefixes.ts";
import {
  anyNode,
  dualStack,
  keptAddresses,
  kubeRules,
  onlyIpv4,
  type Place,
  type TestNode,
} from "../firewall/firewall-nodes.ts";
import type { PacketKind } from "../firewall/firewall-packets.ts";
import type { Namespace, ProvenNode } from "../firewall/firewall-proof.ts";
import { type CommonTerms, nodeLinks } from "../firewall/firewall-words.ts";

/** What the sentences beside the node's own tailscaled need besides. */
export interface HostTerms extends CommonTerms {
  /** Tailnet addresses of other Nodes. */
  readonly nodes: readonly string[];
  readonly magicDns: boolean;
  readonly nodesKnown: boolean;
}

export interface HostNode extends ProvenNode {
  readonly settings: HostGuard;
  readonly terms: HostTerms;
  readonly believed: readonly string[];
}

export const hostLinks = {
  tunnel: { name: "tailscale0", group: 0 },
  underlay: nodeLinks.underlay,
  pod: nodeLinks.pod,
  leaving: nodeLinks.leaving,
  containers: nodeLinks.containers,
  loopback: nodeLinks.loopback,
} as const;

/** A member that a Service leads to, another Node, the resolver, and the node itself in the tailnet. */
const tailnetPlaces: Readonly<Record<4 | 6, readonly Place[]>> = {
  4: [{ address: "100.64.0.2" }, { address: "100.100.100.100" }, { address: "100.64.0.1", self: true }],
  6: [
    { address: "fd7a:115c:a1e0::2" },
    { address: "fd7a:115c:a1e0::53" },
    { address: "fd7a:115c:a1e0::1", self: true },
  ],
};
const members = { 4: "100.64.0.9", 6: "fd7a:115c:a1e0::9" };
const nodes = ["100.64.0.2", "fd7a:115c:a1e0::2"];

/** The same node with its own tailscaled in place of ours. */
function hosted(node: TestNode, magicDns: boolean, nodesKnown = true): HostNode {
  const { carrier, ...shared }: NamespaceGuard = node.settings;
  const { linkAddresses, underlayPort: _port, ...terms } = node.terms;
  const placesOf = (family: 4 | 6) => [
    ...node.places[family].filter(({ address }) => address !== linkAddresses[family]),
    ...tailnetPlaces[family],
  ];
  const { bindings, served } = node.tailnet;
  const leading = ([4, 6] as const).flatMap((family) => {
    const service = node.places[family].find(({ address }) => isServiceAddress(address));
    if (service === undefined) return [];
    const to = family === 4 ? { ip: members[4] } : { ip6: members[6] };
    return kubeRules({ port: 6443, service: service.address, ...to });
  });
  return {
    settings: {
      ...{ ...shared, nodesKnown },
      carrier: {
        kind: "host",
        tunnel: carrier.tunnel,
        confineTable52: "toTailnet",
        magicDns,
        elsewhere: false,
      },
    },
    terms: {
      ...terms,
      nodes,
      magicDns,
      nodesKnown,
      backends: [...terms.backends, ...Object.values(members)],
    },
    places: { 4: placesOf(4), 6: placesOf(6) },
    kubeProxy: {
      ...node.kubeProxy,
      chains: [
        ...node.kubeProxy.chains.map((chain) => ({ ...chain, rules: [...chain.rules, ...leading] })),
        masquerading,
      ],
    },
    believed: believedPrefixes(bindings, served),
  };
}

/** kube-proxy gives who asks at a node port, and a pod that a Service leads to itself, the address of the link that leads there. */
const masquerading: NftChain = {
  name: "masquerading",
  ...{ type: "nat", hook: "postrouting", priority: 100, policy: "accept" },
  rules: [{ name: "kube-masquerade", statements: [wasTranslated, masquerade] }],
};

function isServiceAddress(address: string): boolean {
  return ["10.96.0.10", "172.20.0.10", "fd96::a"].includes(address);
}

/** Packets that only a tailscaled on the node makes matter: its mark, its resolver, what comes of node ports. */
const hostKinds: readonly PacketKind[] = [
  { protocol: "udp", destinationPort: 5353, state: "new", mark: 0x44000 },
  { protocol: "udp", destinationPort: 5353, state: "established", mark: 0x84000 },
  { protocol: "udp", destinationPort: 5353, state: "established", answersTranslated: true },
  { protocol: "udp", destinationPort: 53, state: "new" },
  { protocol: "tcp", destinationPort: 53, flags: ["syn"], segmentSize: 1460, state: "new" },
  { protocol: "udp", destinationPort: 6443, state: "new" },
];

export const onNode: Namespace<HostNode> = {
  links: Object.values(hostLinks),
  placesOf: ({ places }) => places,
  kinds: hostKinds,
};

export const hostNodes = {
  whole: hosted(dualStack, true, false),
  others: [hosted(onlyIpv4, false), hosted(keptAddresses, true)],
  any: fc.tuple(anyNode, fc.boolean(), fc.boolean()).map((chosen) => hosted(...chosen)),
};

/** The same node, whose owner switched to a profile of another tailnet. */
export function elsewhere(node: HostNode): HostNode {
  const { settings } = node;
  return { ...node, settings: { ...settings, carrier: { ...settings.carrier, elsewhere: true } } };
}

export const nodesElsewhere = {
  whole: elsewhere(hostNodes.whole),
  others: hostNodes.others.map(elsewhere),
  any: hostNodes.any.map(elsewhere),
};
