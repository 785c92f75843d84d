import { expect, test } from "vitest";
import { checkGroups, findingOf, listed, ok } from "../../../../src/cli/doctor/judge/finding.ts";
import { judge } from "../../../../src/cli/doctor/judge/judge.ts";
import {
  acl,
  admin,
  dropping,
  firewall,
  headscale,
  judgeCases,
  kernel,
  key,
  node,
  notInstalled,
  of,
  policy,
  rule,
  tailnet,
} from "./changed-facts.ts";
import { healthy, link, route, settings } from "./sample-facts.ts";

const uplink = (mtu: number) => kernel(() => ({ links: [link(2, "eth0", { mtu })] }));
const mebibytes64 = 67_108_864;
const stateDir = (freeBytes: number) =>
  node({
    directories: [
      { path: "/var/lib/headcni", existing: "/var/lib/headcni", refusal: "", freeBytes, inMemory: false },
    ],
  });
const clock = (seconds: number) => headscale({ clockSkewSeconds: { value: seconds } });
const version = (value: string) => headscale({ version: { value } });
const rules = (changes: object) => kernel((snapshot) => ({ rules: [...snapshot.rules, rule(changes)] }));
const grant = (changes: object) =>
  policy(JSON.stringify({ grants: [{ src: ["*"], dst: ["*"], ip: ["*"], ...changes }] }));
const peer = (routes: readonly string[], online = true) =>
  tailnet({ peers: [{ id: "4", name: "other", online, routes: [...routes] }] });
const bothFamilies = { supernets: ["10.244.0.0/16", "fd00:244::/48"] };
const own6 = { ...bothFamilies, ownPrefixes: ["10.244.1.0/24", "fd00:244:1::/64"] };

test("without Kubernetes nobody has to translate Services", () => {
  expect(of("firewall.services", firewall([], [], [], "none"), { kubernetes: false })).toEqual([]);
});

/** Just inside and just outside of each limit, and what stands beside the thing that counts. */
judgeCases([
  ["just wide enough", "addresses.mtu", "ok", uplink(1360), "needs 1360"],
  ["a byte too narrow", "addresses.mtu", "warn", uplink(1359), "1359"],
  [
    "a narrow link without the default route",
    "addresses.mtu",
    "ok",
    kernel(({ links, routes }) => ({
      links: [...links, link(8, "vpn0", { mtu: 1000 })],
      routes: [...routes, route("172.20.0.0/16", 8), route("0.0.0.0/0", 8, { table: 7 })],
    })),
    "eth0 1500",
  ],
  [
    "our own narrow default route",
    "addresses.mtu",
    "ok",
    kernel(({ routes }) => ({
      links: [link(2, "eth0"), link(3, "headcni0", { mtu: 1280 })],
      routes: [...routes, route("0.0.0.0/0", 3)],
    })),
    "eth0 1500",
  ],
  ["the kernel's own rule", "addresses.rules", "ok", rules({ priority: 0, table: 254 }), "no rules"],
  ["the kernel's local table", "addresses.rules", "ok", rules({ table: 255 }), "no rules"],
  ["a rule just before ours", "addresses.rules", "warn", rules({ priority: 5189 }), "priority 5189"],
  ["a rule beside ours", "addresses.rules", "ok", rules({ priority: 5190 }), "no rules"],
  [
    "a rule for other destinations",
    "addresses.rules",
    "ok",
    rules({ destination: "10.9.0.0/16" }),
    "narrower",
  ],
  [
    "a rule for some pods",
    "addresses.rules",
    "warn",
    rules({ destination: "10.244.9.0/24" }),
    "priority 100",
    bothFamilies,
  ],
  ["a rule for one source", "addresses.rules", "ok", rules({ source: "10.9.0.0/16" }), "narrower"],
  [
    "an address alone in the pods' range",
    "addresses.podCIDR",
    "fail",
    kernel(({ addresses }) => ({
      addresses: [...addresses, { linkIndex: 2, address: "10.244.7.9", prefixLength: 32 }],
    })),
    "the address 10.244.7.9 of eth0",
    bothFamilies,
  ],
  [
    "a pod's link, and one that leaves",
    "addresses.podCIDR",
    "ok",
    kernel(({ links, routes }) => ({
      links: [...links, link(8, "hc1", { group: 0x4843 }), link(9, "hc2", { group: 0x4844 })],
      routes: [...routes, route("10.244.1.5/32", 8), route("10.244.1.6/32", 9)],
    })),
    "",
  ],
  ["a free disk of 64 MiB", "node.stateDir", "ok", stateDir(mebibytes64), "writable"],
  ["a byte less than 64 MiB", "node.stateDir", "warn", stateDir(mebibytes64 - 1), "67 MB left"],
  [
    "the oldest tailscaled",
    "node.tailscaled",
    "ok",
    node({ tailscaledVersion: { value: "1.100.0" } }),
    "1.100",
  ],
  [
    "two uplinks, one strict",
    "node.rpFilter",
    "warn",
    {
      ...kernel(({ links, routes }) => ({
        links: [...links, link(8, "eth1"), link(9, "lan0")],
        routes: [...routes, route("0.0.0.0/0", 8), route("10.7.0.0/16", 9)],
      })),
      node: {
        ...kernel(({ links, routes }) => ({
          links: [...links, link(8, "eth1"), link(9, "lan0")],
          routes: [...routes, route("0.0.0.0/0", 8), route("10.7.0.0/16", 9)],
        })).node,
        sysctls: { "net/ipv4/conf/eth1/rp_filter": "1", "net/ipv4/conf/lan0/rp_filter": "1" },
      },
    },
    "on eth1, and the node has 2 uplinks",
  ],
  [
    "strict on the only uplink",
    "node.rpFilter",
    "ok",
    node({ sysctls: { "net/ipv4/conf/eth0/rp_filter": "1" } }),
    "its only uplink",
  ],
  ["a clock 29.9 s off", "headscale.clock", "ok", clock(29.9), "30 s apart"],
  ["a clock 30 s off", "headscale.clock", "warn", clock(30), "30 s behind"],
  ["a clock 299 s off", "headscale.clock", "warn", clock(299), "299 s"],
  ["a clock 300 s off", "headscale.clock", "fail", clock(300), "300 s"],
  ["the newest known Headscale", "headscale.version", "ok", version("v0.30.1"), "0.30.1"],
  ["the oldest known Headscale", "headscale.version", "ok", version("0.29.0"), "0.29.0"],
  ["a development build", "headscale.version", "warn", version("v0.29.0-dev"), "dev"],
  ["no version at all", "headscale.version", "fail", version("unknown"), "unknown"],
  [
    "a key for one of two tags",
    "headscale.authKey",
    "fail",
    { ...admin({ authKeys: [key] }), ...notInstalled },
    "does not give tag:other",
    { tags: ["tag:k8s-node", "tag:other"] },
  ],
  ["a valid key", "headscale.authKey", "ok", { ...healthy, ...notInstalled }, "is valid"],
  [
    "no key, and an API key",
    "headscale.authKey",
    "ok",
    { ...headscale({ authKeyPrefix: { unknown: "no file" } }), ...notInstalled },
    "API key makes one",
    { approval: "api" },
  ],
  [
    "no key, and nobody who makes one",
    "headscale.authKey",
    "fail",
    { ...headscale({ authKeyPrefix: { unknown: "no file" } }), ...notInstalled },
    "no file",
  ],
  ["no relay at Headscale", "headscale.relays", "ok", { ...healthy, ...notInstalled }, "no relay itself"],
  [
    "a relay at Headscale, before a login",
    "headscale.relays",
    "warn",
    { ...headscale({ embeddedDerp: { value: true } }), ...notInstalled },
    "once a node runs",
  ],
  [
    "unknown relays",
    "headscale.relays",
    "skipped",
    { ...headscale({ embeddedDerp: { unknown: "no answer" } }), ...notInstalled },
    "no answer",
  ],
  ["no relay in the map", "headscale.relays", "ok", tailnet({ relayHosts: [] }), "no relay itself"],
  ["no policy with an API key", "headscale.approvers", "ok", policy(""), "no policy", { approval: "api" }],
  [
    "a policy with an API key",
    "headscale.approvers",
    "ok",
    healthy,
    "the API key approves",
    { approval: "api" },
  ],
  [
    "one of several approvers",
    "headscale.approvers",
    "ok",
    policy(
      '{"tagOwners":{"tag:k8s-node":[]},"autoApprovers":{"routes":{"10.244.0.0/16":["tag:x","tag:k8s-node"]}}}',
    ),
    "approve",
  ],
  [
    "approvers of all pods, before a pod CIDR is known",
    "headscale.approvers",
    "ok",
    { ...healthy, kubernetes: undefined },
    "approve 10.244.0.0/16",
    { ownPrefixes: [] },
  ],
  ["an unreadable policy", "headscale.policy", "skipped", policy("{"), "no JSON"],
  ["a hidden policy", "headscale.policy", "skipped", admin({ policy: { unknown: "403" } }), "API key only"],
  ["a grant for all", "headscale.policy", "ok", grant({}), "talk"],
  [
    "a grant for all ports of all protocols",
    "headscale.policy",
    "ok",
    grant({ ip: ["tcp:1", "*:*"] }),
    "talk",
  ],
  ["a grant for one port", "headscale.policy", "fail", grant({ ip: ["tcp:443"] }), "no rule"],
  [
    "a grant among others",
    "headscale.policy",
    "ok",
    grant({ src: ["tag:a", "*"], dst: ["tag:b", "*"] }),
    "talk",
  ],
  ["a grant from tags only", "headscale.policy", "fail", grant({ src: ["tag:a"] }), "no rule"],
  [
    "a grant beside what is no rule",
    "headscale.policy",
    "skipped",
    policy('{"grants":["text",null,[1]]}'),
    "no policy of a known form",
  ],
  [
    "acls for one protocol",
    "headscale.policy",
    "fail",
    policy('{"acls":[{"action":"accept","proto":"tcp","src":["*"],"dst":["*:*"]}]}'),
    "no rule",
  ],
  [
    "acls with an empty protocol",
    "headscale.policy",
    "ok",
    policy('{"acls":[{"action":"accept","proto":"","src":["*"],"dst":["*:*"]}]}'),
    "talk",
  ],
  [
    "acls that refuse",
    "headscale.policy",
    "skipped",
    policy('{"acls":[{"action":"deny","src":["*"],"dst":["*:*"]}]}'),
    "no policy of a known form",
  ],
  ["acls among others", "headscale.policy", "ok", acl(["tag:a", "*"], ["tag:b:22", "*:*"]), "talk"],
  [
    "a namesake before the login",
    "tailnet.announcements",
    "ok",
    {
      ...admin({ nodes: [{ id: "7", name: "n1", online: false, routes: ["10.244.1.0/24"] }] }),
      ...notInstalled,
    },
    "no other machine",
  ],
  [
    "another node before the login",
    "tailnet.announcements",
    "fail",
    {
      ...admin({ nodes: [{ id: "7", name: "n7", online: false, routes: ["10.244.1.0/24"] }] }),
      ...notInstalled,
    },
    "n7",
  ],
  [
    "nothing to see before the login",
    "tailnet.announcements",
    "skipped",
    { ...headscale({ admin: { unknown: "no API key" } }), ...notInstalled },
    "API key",
  ],
  [
    "a login without an API key",
    "tailnet.announcements",
    "ok",
    headscale({ admin: { unknown: "no API key" } }),
    "no other machine",
  ],
  [
    "a clash in one of two families",
    "tailnet.announcements",
    "fail",
    peer(["10.244.1.128/25"]),
    "overlaps",
    own6,
  ],
  [
    "just the supernet, without this node's prefix",
    "tailnet.announcements",
    "fail",
    { ...peer(["10.244.0.0/16"]), kubernetes: undefined },
    "holds all pods",
    { ownPrefixes: [] },
  ],
  [
    "half of the supernet, without this node's prefix",
    "tailnet.announcements",
    "ok",
    { ...peer(["10.244.128.0/17"]), kubernetes: undefined },
    "no other machine",
    { ownPrefixes: [] },
  ],
  ["a phone that is away", "tailnet.peers", "ok", peer([], false), "1 other node"],
  [
    "a runtime without our configuration",
    "cni.configuration",
    "ok",
    { ...healthy, cni: { ...healthy.cni, configurations: [], ourConflistPresent: false } },
    "no other configuration",
  ],
  [
    "iptables-nft",
    "firewall.backend",
    "ok",
    firewall([{ ...dropping, manager: "iptables" }]),
    "iptables-nft",
  ],
  ["nftables alone", "firewall.backend", "ok", firewall([dropping]), "nftables"],
  [
    "a firewall for local packets",
    "firewall.forward",
    "ok",
    firewall([{ ...dropping, hook: "input" }]),
    "no other",
  ],
  [
    "a firewall that lets pass",
    "firewall.forward",
    "ok",
    firewall([{ ...dropping, policy: "accept" }]),
    "no other",
  ],
  ["a firewall of one owner", "firewall.forward", "ok", firewall([dropping], ["inet firewalld"]), "no other"],
  [
    "an owner who drops nothing",
    "firewall.owner",
    "ok",
    firewall([{ ...dropping, policy: "accept" }], ["inet firewalld"]),
    "no dropping",
  ],
  ["a dropping table of nobody", "firewall.owner", "ok", firewall([dropping], ["inet other"]), "no dropping"],
]);

test("this node's pod CIDR is the Node's where the configuration pins none", () => {
  const served = (primaryRoutes: readonly string[], ownPrefixes: readonly string[]) =>
    of("tailnet.routes", tailnet({ primaryRoutes: [...primaryRoutes] }), { ownPrefixes })[0]?.result;
  expect(served(["10.244.1.0/24"], [])).toBe("ok");
  expect(served(["10.244.9.0/24"], [])).toBe("fail");
  expect(served(["10.244.9.0/24"], ["10.244.9.0/24"])).toBe("ok");
});

test("a Node that is not there yet has no pod CIDR", () => {
  const facts = {
    ...healthy,
    kubernetes: healthy.kubernetes && { ...healthy.kubernetes, ownPodCidrs: { value: undefined } },
  };
  expect(of("tailnet.routes", facts, { ownPrefixes: [] })[0]?.result).toBe("skipped");
});

test("Node prefixes count in any of the supernets, and the first Node of a clash is named", () => {
  const [found] = of("kubernetes.nodes", healthy, bothFamilies);
  expect(found?.result).toBe("ok");
  const nodes = [
    { name: "n1", podCidrs: ["10.244.1.0/24"] },
    { name: "n3", podCidrs: ["10.244.3.0/24"] },
    { name: "n2", podCidrs: ["10.244.1.0/25"] },
  ];
  const facts = {
    ...healthy,
    kubernetes: healthy.kubernetes && { ...healthy.kubernetes, nodes: { value: nodes } },
  };
  expect(of("kubernetes.nodes", facts)[0]?.found).toContain("n1's");
});

test("findings are told group by group, each in the group that its id names", () => {
  const groups = judge(healthy, settings).map(({ group }) => group);
  const inOrder = ["kernel", "node", "addresses", "firewall", "cni", "headscale", "tailnet", "kubernetes"];
  expect([...new Set(groups)]).toEqual(inOrder);
  // Those about a tailscaled of the node's owner come with one alone.
  expect(checkGroups.filter((group) => group !== "owner")).toEqual(["configuration", ...inOrder]);
  expect(findingOf("cni.plugin", ok("there"))).toMatchObject({ id: "cni.plugin", group: "cni" });
});

test("a list names four and counts the others", () => {
  expect(listed(["a", "b", "c", "d"])).toBe("a, b, c, d");
  expect(listed(["a", "b", "c", "d", "e", "f"])).toBe("a, b, c, d and 2 more");
});

test("a policy that cannot be seen says nothing of cached maps", () => {
  expect(of("headscale.cachedMaps", admin({ policy: { unknown: "403" } }))).toEqual([]);
  expect(of("headscale.cachedMaps", policy("{"))).toEqual([]);
});
