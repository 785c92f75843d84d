import { expect, test } from "vitest";
import {
  type DesiredObject,
  desiredNodeState,
  desiredTailnetState,
  vethOperation,
} from "../../../src/domain/guard/desired-state.ts";
import { planCleanup } from "../../../src/domain/guard/guard-cleanup.ts";
import { removeLeftovers } from "../../../src/domain/guard/guard-leftovers.ts";
import { desiredPodRoutes } from "../../../src/domain/guard/guard-pod-routes.ts";
import type { NamespaceGuard } from "../../../src/domain/guard/guard-settings.ts";
import type {
  KernelOperation,
  KernelRoute,
  KernelSnapshot,
} from "../../../src/domain/kernel/kernel-state.ts";
import type { ForeignChain } from "../../../src/domain/nftables/nft-observation.ts";
import { removeTable } from "../../../src/domain/nftables/nft-table.ts";
import { wireOperations } from "../../../src/domain/tailnet/wire-operations.ts";

const settings: NamespaceGuard = {
  ownPrefixes: ["10.244.1.0/24", "fd00:244:0:1::/64"],
  supernets: ["10.244.0.0/16", "fd00:244::/48"],
  carrier: {
    kind: "namespace",
    linkPrefixes: ["198.18.0.0/30"],
    tunnel: { name: "tailscale0", mtu: 1280 },
    underlayPort: 41642,
  },
  masquerade: true,
  nodesKnown: true,
  networkPolicies: false,
  services: [],
  allowFromUnderlay: { prefixes: [], links: [] },
};
const ipv4 = {
  ...settings,
  ownPrefixes: settings.ownPrefixes.slice(0, 1),
  supernets: settings.supernets.slice(0, 1),
};

/** An operation as iproute2 would write it. */
function said(operation: KernelOperation): string {
  switch (operation.op) {
    case "link.addVeth":
      return `add veth ${operation.link} peer ${operation.peer} in ${operation.peerNamespace} mtu ${operation.mtu}`;
    case "route.replace":
    case "route.remove": {
      const { type, destination, gateway, link, table, metric, protocol, preferredSource } = operation.route;
      const { family, scope } = operation.route;
      const via = `${gateway ? ` via ${gateway}` : ""}${link ? ` dev ${link}` : ""}${preferredSource ? ` src ${preferredSource}` : ""}`;
      const where = `table ${table} metric ${metric} proto ${protocol}${scope ? ` scope ${scope}` : ""}`;
      return `${operation.op} -${family} ${type} ${destination}${via} ${where}`;
    }
    case "rule.add":
    case "rule.remove": {
      const { family, priority, destination, table, protocol } = operation.rule;
      return `${operation.op} -${family} ${priority}: to ${destination} table ${table} proto ${protocol}`;
    }
    case "address.add":
    case "address.remove":
      return `${operation.op} ${operation.address}/${operation.prefixLength} dev ${operation.link}`;
    default:
      return `${operation.op} ${operation.link}`;
  }
}
const lines = (desired: readonly DesiredObject[]) =>
  desired.map(({ invariant, operation }) => `${invariant}: ${said(operation)}`);

// 18499 is 0x4843, "HC": our table; 72 is 0x48: our protocol; 2147483464 is 0x7fffff48: loses against every route.
const refusals = (family: number, supernet: string, anywhere: string) => [
  `node.unreachable: route.replace -${family} unreachable ${supernet} table 254 metric 2147483464 proto 72`,
  `node.tailnetUnreachable: route.replace -${family} unreachable ${anywhere} table 18499 metric 2147483464 proto 72`,
];
const rules = (family: number, own: string, supernet: string) => [
  `node.ownRule: rule.add -${family} 5180: to ${own} table 254 proto 72`,
  `node.supernetRule: rule.add -${family} 5190: to ${supernet} table 18499 proto 72`,
];
const [four, six] = [
  ["10.244.1.0/24", "10.244.0.0/16"],
  ["fd00:244:0:1::/64", "fd00:244::/48"],
] as const;

test("the node refuses before it forwards, has a source before the route that prefers it, and rules last", () => {
  expect(lines(desiredNodeState(settings, true))).toEqual([
    ...refusals(4, four[1], "0.0.0.0/0"),
    ...refusals(6, six[1], "::/0"),
    "node.link: add veth headcni0 peer eth0 in tailnet mtu 1500",
    "node.link: link.up headcni0",
    "node.linkAddress: address.add 198.18.0.1/30 dev headcni0",
    "node.linkAddress: address.add fe80::4843:1/64 dev headcni0",
    "node.routerAddress: address.add 10.244.1.1/32 dev headcni0",
    "node.routerAddress: address.add fd00:244:0:1::1/128 dev headcni0",
    "node.tailnetRoute: route.replace -4 unicast 0.0.0.0/0 via 198.18.0.2 dev headcni0 src 10.244.1.1 table 18499 metric 0 proto 72",
    "node.tailnetRoute: route.replace -6 unicast ::/0 via fe80::4843:2 dev headcni0 src fd00:244:0:1::1 table 18499 metric 1024 proto 72",
    ...rules(4, ...four),
    ...rules(6, ...six),
  ]);
});

test("without the veth the node refuses, and has its rules", () => {
  expect(lines(desiredNodeState(ipv4, false))).toEqual([
    ...refusals(4, four[1], "0.0.0.0/0"),
    ...rules(4, ...four),
  ]);
});

test("the veth has the addresses of tailscaled's underlay beside the next hops, once each", () => {
  const both = { carrier: { ...settings.carrier, linkPrefixes: ["198.18.0.0/30", "fdc1::/126"] } };
  const addresses = (asked: NamespaceGuard) =>
    lines([...desiredNodeState(asked, true), ...desiredTailnetState(asked)]).filter((line) =>
      line.includes("linkAddress"),
    );
  const expected = [
    "node.linkAddress: address.add 198.18.0.1/30 dev headcni0",
    "node.linkAddress: address.add fdc1::1/126 dev headcni0",
    "node.linkAddress: address.add fe80::4843:1/64 dev headcni0",
    "tailnet.linkAddress: address.add 198.18.0.2/30 dev eth0",
    "tailnet.linkAddress: address.add fdc1::2/126 dev eth0",
    "tailnet.linkAddress: address.add fe80::4843:2/64 dev eth0",
  ];
  expect(addresses({ ...settings, ...both })).toEqual(expected);
  expect(addresses({ ...ipv4, ...both })).toEqual(expected);
  const wire = { ...ipv4, ...ipv4.carrier };
  expect(wireOperations({ ...ipv4, ...both.carrier })).toEqual(wireOperations(wire));
  expect(() => wireOperations({ ...wire, linkPrefixes: ["fdc1::/126"] })).toThrow("fdc1::/126");
});

const ways = [
  "tailnet.linkAddress: address.add 198.18.0.2/30 dev eth0",
  "tailnet.defaultRoute: route.replace -4 unicast 0.0.0.0/0 via 198.18.0.1 dev eth0 table 254 metric 0 proto 72",
];
const inward = [
  "tailnet.ownRoute: route.replace -4 unicast 10.244.1.0/24 via 198.18.0.1 dev eth0 table 254 metric 0 proto 72",
  "tailnet.ownRule: rule.add -4 5180: to 10.244.1.0/24 table 254 proto 72",
];

test("X refuses, then has its way out, then leads this node's pods to the node", () => {
  expect(lines(desiredTailnetState(ipv4))).toEqual([
    "tailnet.link: link.up lo",
    "tailnet.link: link.up eth0",
    "tailnet.unreachable: route.replace -4 unreachable 10.244.0.0/16 table 254 metric 2147483464 proto 72",
    ...ways,
    ...inward,
  ]);
  expect(lines(desiredTailnetState(settings)).slice(-4)).toEqual([
    ...inward,
    "tailnet.ownRoute: route.replace -6 unicast fd00:244:0:1::/64 via fe80::4843:1 dev eth0 table 254 metric 1024 proto 72",
    "tailnet.ownRule: rule.add -6 5180: to fd00:244:0:1::/64 table 254 proto 72",
  ]);
});

test("the veth carries what tailscaled makes of the largest packet, and never less than an Ethernet link", () => {
  const mtuOf = (mtu: number) => {
    const operation = vethOperation({ mtu });
    return operation.op === "link.addVeth" ? operation.mtu : 0;
  };
  expect([1280, 1420, 1421, 8920].map(mtuOf)).toEqual([1500, 1500, 1501, 9000]);
});

test("headcni-wire makes the veth, the refusals and the way out, in this order", () => {
  const { node, tailnet } = wireOperations({ ...settings, ...settings.carrier });
  expect(node.map(said)).toEqual([
    "add veth headcni0 peer eth0 in tailnet mtu 1500",
    "address.add 198.18.0.1/30 dev headcni0",
  ]);
  expect(tailnet.map(said)).toEqual([
    "route.replace -4 unreachable 10.244.0.0/16 table 254 metric 2147483464 proto 72",
    "route.replace -6 unreachable fd00:244::/48 table 254 metric 2147483464 proto 72",
    "link.up lo",
    ...ways.map((way) => way.replace(/^[\w.]+: /, "")),
  ]);
});

const link = (index: number, name: string, changes: object = {}) => ({
  ...{ index, name, mac: "", mtu: 1280, up: true, group: 0, alias: "", kind: "veth" },
  ...changes,
});
const alias = (state: string) => `headcni1 ${state} headcni c1 eth0 u1 1 10.244.1.5,fd00:244:0:1::5 0`;
const podLink = link(40, "hc1", { group: 0x4843, alias: alias("ready") });
const snapshot = (changes: Partial<KernelSnapshot>): KernelSnapshot => ({
  ...{ links: [], addresses: [], routes: [], rules: [] },
  ...changes,
});
const podRoutes = (asked: NamespaceGuard, ...links: KernelSnapshot["links"]) =>
  lines(desiredPodRoutes(asked, snapshot({ links })));
const route4 =
  "node.podRoutes: route.replace -4 unicast 10.244.1.5/32 dev hc1 src 10.244.1.1 table 254 metric 72 proto 72 scope link";

test("each address of an attached pod has its host route", () => {
  expect(podRoutes(settings, podLink)).toEqual([
    route4,
    "node.podRoutes: route.replace -6 unicast fd00:244:0:1::5/128 dev hc1 src fd00:244:0:1::1 table 254 metric 72 proto 72 scope universe",
  ]);
  expect(podRoutes(ipv4, podLink)).toEqual([route4]);
});

test.each([
  ["is down", { up: false }],
  ["is of another group", { group: 0x4844 }],
  ["is not committed", { alias: alias("pending") }],
  ["has no alias of ours", { alias: "" }],
])("a link that %s has none", (_what, changes) => {
  expect(podRoutes(settings, { ...podLink, ...changes })).toEqual([]);
});

const ours = { family: 4, table: 254, metric: 0, protocol: 0x48 } as const;
const left = (changes: Partial<KernelSnapshot>, desired: readonly DesiredObject[] = []) =>
  removeLeftovers(
    snapshot({ links: [link(3, "headcni0"), link(4, "eth9")], ...changes }),
    desired,
    "headcni0",
  ).map(said);
const unicast: KernelRoute = { ...ours, type: "unicast", destination: "10.9.0.0/16", linkIndex: 3 };
const refused: KernelRoute = { ...ours, type: "unreachable", destination: "10.8.0.0/16", linkIndex: 3 };

test("rules, routes and addresses that are not desired go, in this order", () => {
  const rule = { family: 4, priority: 5180, table: 254, destination: "10.9.0.0/16", protocol: 0x48 } as const;
  const address = { linkIndex: 3, address: "10.9.0.1", prefixLength: 32 };
  expect(
    left({
      rules: [rule, { ...rule, protocol: 2 }],
      routes: [unicast, refused, { ...unicast, protocol: 2 }],
      addresses: [address, { ...address, linkIndex: 4 }, { ...address, address: "fe80::1" }],
    }),
  ).toEqual([
    "rule.remove -4 5180: to 10.9.0.0/16 table 254 proto 72",
    "route.remove -4 unicast 10.9.0.0/16 dev headcni0 table 254 metric 0 proto 72",
    "route.remove -4 unreachable 10.8.0.0/16 table 254 metric 0 proto 72",
    "address.remove 10.9.0.1/32 dev headcni0",
  ]);
});

test("a pod's host route stays: one address of its family, in main, through a link", () => {
  const host: KernelRoute = { ...unicast, destination: "10.244.1.5/32" };
  expect(left({ routes: [host, { ...host, family: 6, destination: "fd00::5/128" }] })).toEqual([]);
  expect(
    left({
      routes: [
        { ...host, table: 7 },
        { ...host, type: "unreachable" },
        { ...host, family: 6, destination: "fd00::/32" },
      ],
    }),
  ).toHaveLength(3);
});

test("what is desired stays, whatever else of a route differs, as replacing goes by destination and metric", () => {
  const desired = desiredNodeState(ipv4, true);
  const through: KernelRoute = {
    ...ours,
    type: "unicast",
    destination: "0.0.0.0/0",
    table: 18499,
    linkIndex: 3,
  };
  const rule = {
    family: 4,
    priority: 5180,
    table: 254,
    destination: "10.244.1.0/24",
    protocol: 0x48,
  } as const;
  const linkAddress = { linkIndex: 3, address: "198.18.0.1", prefixLength: 30 };
  expect(left({ routes: [through], rules: [rule], addresses: [linkAddress] }, desired)).toEqual([]);
  expect(
    left(
      {
        routes: [
          { ...through, family: 6 },
          { ...through, destination: "10.0.0.0/8" },
          { ...through, table: 254 },
          { ...through, metric: 9 },
        ],
        rules: [{ ...rule, priority: 9 }],
        addresses: [
          { ...linkAddress, address: "198.18.0.9" },
          { ...linkAddress, prefixLength: 29 },
        ],
      },
      desired,
    ),
  ).toHaveLength(7);
  const otherLink = {
    ...desired[3],
    operation: { op: "address.add", link: "eth9", address: "198.18.0.1", prefixLength: 30 },
  };
  expect(left({ addresses: [linkAddress] }, [otherLink as DesiredObject])).toHaveLength(1);
});

test("without the link there are no addresses on it", () => {
  const addresses = [{ linkIndex: 3, address: "10.9.0.1", prefixLength: 32 }];
  expect(removeLeftovers(snapshot({ addresses }), [], "headcni0")).toEqual([]);
});

const cleanup = (changes: Partial<KernelSnapshot>, remembered: Readonly<Record<string, string>> = {}) =>
  planCleanup({ kernel: snapshot(changes), sysctls: {}, firewall: { foreign: [] } }, remembered);

test("cleanup removes the veth if it is there, and our tables always", () => {
  const tables = ["headcni", "headcni_allowlist", "headcni_policy"].map((name) => ({
    ...{ kind: "firewall", namespace: "node", changes: [{ tool: "nft", document: removeTable(name) }] },
  }));
  expect(cleanup({ links: [link(3, "headcni0")] })).toEqual([
    { kind: "kernel", namespace: "node", operations: [{ op: "link.remove", link: "headcni0" }] },
    ...tables,
  ]);
  expect(planCleanup({ kernel: snapshot({}), sysctls: {} }, {})).toEqual(tables);
  expect(cleanup({})).toEqual(tables);
  const rule = { family: 4, priority: 5180, table: 254, protocol: 0x48 } as const;
  expect(cleanup({ rules: [rule] })[0]).toMatchObject({ operations: [{ op: "rule.remove", rule }] });
});

test("cleanup takes our accepts out of other programs' chains before our table", () => {
  const theirs = { comment: "theirs", dropsAll: false, reference: 8 };
  const chain = (rules: ForeignChain["rules"]): ForeignChain => ({
    ...{ family: "ip", table: "filter", chain: "FORWARD", hook: "forward", policy: "drop", manager: "nft" },
    rules,
  });
  const changes = (rules: ForeignChain["rules"]) =>
    planCleanup({ kernel: snapshot({}), sysctls: {}, firewall: { foreign: [chain(rules)] } }, {});
  expect(changes([theirs])).toHaveLength(3);
  const [first, second] = changes([{ ...theirs, comment: "headcni:from-pods:abc" }, theirs]);
  expect(JSON.stringify(first)).toContain('"handle":8');
  expect(second).toMatchObject({ changes: [{ tool: "nft", document: removeTable("headcni") }] });
});

test("cleanup gives back the sysctls of all links, of the default and of links that are there", () => {
  const kept = {
    "net/ipv4/ip_forward": "0",
    "net/ipv4/conf/all/accept_redirects": "1",
    "net/ipv6/conf/default/forwarding": "0",
    "net/ipv4/conf/eth1/forwarding": "0",
  };
  const values = cleanup({ links: [link(2, "eth1")] }, { ...kept, "net/ipv4/conf/gone0/forwarding": "0" }).at(
    -1,
  );
  expect(values).toEqual({ kind: "sysctls", namespace: "node", values: kept });
});
