import fc from "fast-check";
import { addressAt, formatPrefix, parsePrefix, prefixSize } from "../../../src/domain/addresses/prefix.ts";
import type { NamespaceGuard } from "../../../src/domain/guard/guard-settings.ts";
import type { NodeBinding } from "../../../src/domain/kubernetes/node-bindings.ts";
import { addressIn, destinationIsLocal, fieldIs } from "../../../src/domain/nftables/nft-statements.ts";
import type { NftRule, NftTable } from "../../../src/domain/nftables/nft-table.ts";
import type { ServedRoutes } from "../../../src/domain/tailnet/believed-prefixes.ts";
import { nodeLinks, type SentenceTerms } from "./firewall-words.ts";

/** What the sentences of a table speak about: one address of each kind, and a prefix that has more of the kind. */
export interface Place {
  readonly address: string;
  /** The namespace's own. */
  readonly self?: true;
  /** Name of the link by which the node's routes lead there, where one of ours does. */
  readonly link?: string;
}

export type Places = Readonly<Record<4 | 6, readonly Place[]>>;

/** A node as the guard is told of it, and what the sentences need of that: not by the code that makes the rules. */
export interface TestNode {
  readonly settings: NamespaceGuard;
  readonly terms: SentenceTerms;
  readonly places: Places;
  /** What the Nodes say, and whose prefixes tailscaled sends to whom. */
  readonly tailnet: { readonly bindings: readonly NodeBinding[]; readonly served: ServedRoutes };
  /** What kube-proxy does beside us. */
  readonly kubeProxy: NftTable;
}

function bind(prefix: string, nodeId: string): NodeBinding {
  return { prefix, nodeId, node: `n${nodeId}`, uid: nodeId };
}

const pod = { link: nodeLinks.pod.name };
const leavingPod = { link: nodeLinks.leaving.name };

/** Written down by hand. */
export const dualStack: TestNode = {
  settings: {
    ownPrefixes: ["10.244.1.0/24", "10.244.9.0/28", "fd00:1::/64"],
    supernets: ["10.244.0.0/16", "fd00::/24"],
    carrier: {
      kind: "namespace",
      linkPrefixes: ["198.18.0.0/30", "fdc1::/126"],
      tunnel: { name: "tailscale0", mtu: 1280 },
      underlayPort: 41642,
    },
    masquerade: true,
    nodesKnown: true,
    networkPolicies: false,
    services: ["10.96.0.0/16", "fd96::/112"],
    allowFromUnderlay: { prefixes: ["203.0.113.0/24", "2001:db8:a::/48"], links: ["docker0"] },
  },
  terms: {
    own: ["10.244.1.0/24", "10.244.9.0/28", "fd00:1::/64"],
    believed: ["10.244.2.0/24", "fd00:2::/64"],
    supernets: ["10.244.0.0/16", "fd00::/24"],
    services: ["10.96.0.0/16", "fd96::/112"],
    backends: ["10.244.1.5", "10.244.2.5", "10.244.9.7", "fd00:1::5", "fd00:2::5"],
    allowed: { prefixes: ["203.0.113.0/24", "2001:db8:a::/48"], links: ["docker0"] },
    routers: { 4: ["10.244.1.1", "10.244.9.1"], 6: ["fd00:1::1"] },
    linkAddresses: { 4: "198.18.0.2", 6: "fdc1::2" },
    underlayPort: 41642,
    masquerade: true,
    segmentSize: { 4: 1240, 6: 1220 },
  },
  places: {
    4: [
      { address: "10.244.1.5", ...pod },
      { address: "10.244.1.1", self: true },
      { address: "10.244.9.7", ...leavingPod },
      { address: "10.244.9.1", self: true },
      { address: "10.244.2.5" },
      { address: "10.244.3.9" },
      { address: "10.96.0.10" },
      { address: "100.64.0.9" },
      { address: "10.77.0.2", self: true },
      { address: "192.0.2.7" },
      { address: "203.0.113.7" },
      { address: "198.18.0.2" },
    ],
    6: [
      { address: "fd00:1::5", ...pod },
      { address: "fd00:1::1", self: true },
      { address: "fd00:2::5" },
      { address: "fd00:3::9" },
      { address: "fd96::a" },
      { address: "fd7a:115c:a1e0::9" },
      { address: "fd77::2", self: true },
      { address: "2001:db8::7" },
      { address: "2001:db8:a::7" },
      { address: "fdc1::2" },
    ],
  },
  // Of the other Nodes' prefixes one is served by its node, one by another; one is nobody's.
  tailnet: {
    bindings: [
      bind("10.244.2.0/24", "2"),
      bind("10.244.3.0/24", "3"),
      bind("fd00:2::/64", "2"),
      bind("fd00:3::/64", "3"),
    ],
    served: { "2": ["10.244.2.0/24", "fd00:2::/64"], "9": ["10.244.3.0/24", "fd00::/24"] },
  },
  kubeProxy: kubeProxyTable([
    { port: 30080, ip: "10.244.1.5", ip6: "fd00:1::5" },
    { port: 30081, ip: "10.244.2.5", ip6: "fd00:2::5" },
    { port: 30082, ip: "10.244.9.7" },
    { port: 5353, service: "10.96.0.10", ip: "10.244.1.5" },
    { port: 5353, service: "fd96::a", ip6: "fd00:1::5" },
  ]),
};

const ipv4 = (prefixes: readonly string[]) => prefixes.filter((prefix) => !prefix.includes(":"));

/** As it is without Kubernetes, and with nobody let in; tailscaled has both families. */
export const onlyIpv4: TestNode = {
  ...dualStack,
  settings: {
    ...dualStack.settings,
    ownPrefixes: ipv4(dualStack.settings.ownPrefixes),
    supernets: ipv4(dualStack.settings.supernets),
    services: [],
    allowFromUnderlay: { prefixes: [], links: [] },
  },
  terms: {
    ...dualStack.terms,
    own: ipv4(dualStack.terms.own),
    supernets: ipv4(dualStack.terms.supernets),
    believed: ipv4(dualStack.terms.believed),
    services: [],
    allowed: { prefixes: [], links: [] },
    routers: { ...dualStack.terms.routers, 6: [] },
    segmentSize: { ...dualStack.terms.segmentSize, 6: undefined },
  },
};

/** Pods' addresses are known on the LAN. */
export const keptAddresses: TestNode = {
  ...dualStack,
  settings: { ...dualStack.settings, masquerade: false },
  terms: { ...dualStack.terms, masquerade: false },
};

/** What a node port (no `service`) or a Service's address leads to. */
interface KubeRule {
  readonly port: number;
  readonly service?: string;
  readonly ip?: string;
  readonly ip6?: string;
}

function kubeProxyTable(rules: readonly KubeRule[]): NftTable {
  const place = { type: "nat", hook: "prerouting", priority: -110, policy: "accept" } as const;
  return { name: "kube", chains: [{ name: "services", ...place, rules: rules.flatMap(kubeRules) }] };
}

export function kubeRules({ port, service, ip, ip6 }: KubeRule): readonly NftRule[] {
  return Object.entries({ ip, ip6 }).flatMap(([family, addr]) => {
    if (addr === undefined) return [];
    const to = service ?? "node";
    const destination =
      service === undefined
        ? destinationIsLocal
        : addressIn(family === "ip" ? 4 : 6, "daddr", [`${service}/${family === "ip" ? 32 : 128}`]);
    const statements = [destination, fieldIs("udp", "dport", port), { dnat: { family, addr, port: 5353 } }];
    return [{ name: `kube-${to.replaceAll(/[.:]/g, "-")}-${port}-${family}`, statements }];
  });
}

/** One family of a random node. */
interface RandomFamily {
  readonly supernet: string;
  /** Disjoint slices of the supernet. */
  readonly own: readonly string[];
  readonly remote: string;
  /** A Node's that another tailnet node serves. */
  readonly taken: string;
  readonly allowed: readonly string[];
  readonly places: readonly Place[];
}

const outside = {
  4: {
    base: "10.0.0.0/8",
    lengths: { supernet: [9, 20], slice: [22, 29] },
    services: "172.20.0.0/16",
    service: "172.20.0.10",
    allowed: "203.0.113.0/24",
    others: ["203.0.113.7", "192.0.2.7", "100.64.0.9", "198.18.0.2"],
    node: "192.168.77.2",
  },
  6: {
    base: "fd00::/9",
    lengths: { supernet: [16, 56], slice: [58, 122] },
    services: "fd96::/112",
    service: "fd96::a",
    allowed: "2001:db8:a::/48",
    others: ["2001:db8:a::7", "2001:db8::7", "fd7a:115c:a1e0::9", "fdc1::2"],
    node: "2001:db8:77::2",
  },
} as const;

/** A node with one slice of its supernet or two, of any length and place, in one family or both, as its underlay, in every mode. */
export const anyNode: fc.Arbitrary<TestNode> = fc
  .record({
    families: fc.constantFrom<readonly (4 | 6)[]>([4], [6], [4, 6]),
    4: anyFamily(4),
    6: anyFamily(6),
    links: fc.constantFrom<readonly string[]>([], ["docker0"]),
    underlay: fc.constantFrom<readonly (4 | 6)[]>([4], [4, 6]),
    kubernetes: fc.boolean(),
    masquerade: fc.boolean(),
    mtu: fc.integer({ min: 1280, max: 1500 }),
  })
  .map((chosen) => {
    const of = (take: (family: RandomFamily) => readonly string[]) =>
      chosen.families.flatMap((family) => take(chosen[family]));
    const common = {
      supernets: of(({ supernet }) => [supernet]),
      services: chosen.kubernetes ? chosen.families.map((family) => outside[family].services) : [],
      masquerade: chosen.masquerade,
    };
    const underlayPort = 41642;
    const allowed = { prefixes: of((family) => family.allowed), links: chosen.links };
    const own = of((family) => family.own);
    const believed = of(({ remote }) => [remote]);
    const taken = of((family) => [family.taken]);
    const routers = (family: 4 | 6) =>
      chosen.families.includes(family)
        ? chosen[family].own.map((slice) => addressAt(parsePrefix(slice), 1n))
        : [];
    const kube = chosen.families.flatMap((family): readonly KubeRule[] => {
      const to = (address = "") => (family === 4 ? { ip: address } : { ip6: address });
      const [here, there] = [chosen[family].own, [chosen[family].remote]].map(([slice = ""]) => podIn(slice));
      return [
        { port: 30080, ...to(here) },
        { port: 30081, ...to(there) },
        { port: 5353, service: outside[family].service, ...to(here) },
      ];
    });
    return {
      settings: {
        ...common,
        nodesKnown: chosen.kubernetes,
        networkPolicies: false,
        ownPrefixes: own,
        carrier: {
          kind: "namespace",
          linkPrefixes: chosen.underlay.map((family) => ({ 4: "198.18.0.0/30", 6: "fdc1::/126" })[family]),
          tunnel: { name: "tailscale0", mtu: chosen.mtu },
          underlayPort,
        },
        allowFromUnderlay: allowed,
      },
      terms: {
        ...common,
        ...{ own, believed, allowed, underlayPort },
        linkAddresses: { 4: "198.18.0.2", 6: chosen.underlay.includes(6) ? "fdc1::2" : undefined },
        backends: kube.flatMap(({ ip, ip6 }) => ip ?? ip6 ?? []),
        routers: { 4: routers(4), 6: routers(6) },
        segmentSize: {
          4: chosen.families.includes(4) ? chosen.mtu - 40 : undefined,
          6: chosen.families.includes(6) ? chosen.mtu - 60 : undefined,
        },
      },
      places: { 4: chosen[4].places, 6: chosen[6].places },
      tailnet: {
        bindings: [
          ...believed.map((prefix) => bind(prefix, "2")),
          ...taken.map((prefix) => bind(prefix, "3")),
        ],
        served: { "2": believed, "9": taken },
      },
      kubeProxy: kubeProxyTable(kube),
    };
  });

function anyFamily(family: 4 | 6): fc.Arbitrary<RandomFamily> {
  const { base, lengths, allowed, others, service, node } = outside[family];
  const within = ([min, max]: readonly [number, number]) => fc.integer({ min, max });
  return fc
    .tuple(
      within(lengths.supernet),
      within(lengths.slice),
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 1, max: 2 }),
    )
    .chain(([length, sliceLength, at, sliceAt, count]) => {
      const supernet = sliceOf(base, length, at);
      const slices = [0, 1, 2, 3].map((step) => sliceOf(supernet, sliceLength, sliceAt + step));
      const [first = "", second = "", remote = "", taken = ""] = slices;
      const own = [first, second].slice(0, count);
      const places = [
        ...own.flatMap((slice, index): readonly Place[] => [
          { address: podIn(slice), ...(index === 0 ? pod : leavingPod) },
          { address: addressAt(parsePrefix(slice), 1n), self: true },
        ]),
        ...[podIn(remote), podIn(taken), service, ...others].map((address) => ({ address })),
        { address: node, self: true as const },
      ];
      return fc.record({
        ...{ supernet: fc.constant(supernet), own: fc.constant(own), remote: fc.constant(remote) },
        taken: fc.constant(taken),
        allowed: fc.constantFrom([], [allowed]),
        places: fc.constant(places),
      });
    });
}

/** The slice of a length that is the `at`th in the prefix, counted round and round. */
function sliceOf(prefix: string, length: number, at: number): string {
  const { family, base, ...outer } = parsePrefix(prefix);
  const bits = BigInt((family === 4 ? 32 : 128) - length);
  const slices = 1n << BigInt(length - outer.length);
  return formatPrefix({ family, length, base: base + ((BigInt(at) % slices) << bits) });
}

/** The last address that a pod may have there. */
function podIn(slice: string): string {
  const prefix = parsePrefix(slice);
  return addressAt(prefix, prefixSize(prefix) - 2n);
}
