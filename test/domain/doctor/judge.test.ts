import { expect, test } from "vitest";
import type {
  AdminFacts,
  DoctorFacts,
  DoctorSettings,
  HeadscaleFacts,
  NodeFacts,
  TailnetFacts,
} from "../../../src/domain/doctor/facts.ts";
import { countResults, judge } from "../../../src/domain/doctor/judge.ts";
import type { KernelSnapshot } from "../../../src/domain/kernel-state.ts";
import type { ForeignChain } from "../../../src/domain/nft-observation.ts";
import { goodPolicy, healthy, link, route, settings } from "./sample-facts.ts";

const node = (changes: Partial<NodeFacts>): DoctorFacts => ({
  ...healthy,
  node: { ...healthy.node, ...changes },
});
const sound = "value" in healthy.node.snapshot ? healthy.node.snapshot.value : undefined;
const kernel = (change: (snapshot: KernelSnapshot) => Partial<KernelSnapshot>): DoctorFacts => {
  if (sound === undefined) throw new Error("the sample has a snapshot");
  return node({ snapshot: { value: { ...sound, ...change(sound) } } });
};
const headscale = (changes: Partial<HeadscaleFacts>): DoctorFacts => ({
  ...healthy,
  headscale: { ...healthy.headscale, ...changes },
});
const admin = (changes: Partial<AdminFacts>): DoctorFacts => {
  const { admin: known } = healthy.headscale;
  if ("unknown" in known) throw new Error("the sample has an API key");
  return headscale({ admin: { value: { ...known.value, ...changes } } });
};
const policy = (text: string) => admin({ policy: { value: text } });
const tailnet = (changes: Partial<TailnetFacts>): DoctorFacts => {
  if ("unknown" in healthy.tailnet) throw new Error("the sample has a tailnet");
  return { ...healthy, tailnet: { value: { ...healthy.tailnet.value, ...changes } } };
};
const firewall = (
  foreign: readonly ForeignChain[],
  ownedTables: string[] = [],
  legacyRules: string[] = [],
) => ({
  ...healthy,
  firewall: { value: { foreign, ownedTables, legacyRules } },
});
const notInstalled: Partial<DoctorFacts> = {
  daemon: { unknown: "no socket" },
  tailnet: { unknown: "no socket" },
};
const dropping: ForeignChain = {
  family: "inet",
  table: "firewalld",
  chain: "filter_FORWARD",
  hook: "forward",
  policy: "drop",
  manager: "nft",
  rules: [],
};
const key = {
  key: "hskey-auth-abcdefghijkl-***",
  used: false,
  reusable: false,
  expired: false,
  tags: ["tag:k8s-node"],
};

function of(id: string, facts: DoctorFacts, changes: Partial<DoctorSettings> = {}) {
  return judge(facts, { ...settings, ...changes }).filter((finding) => finding.id === id);
}

test("a node on which all is well has nothing to note", () => {
  const findings = judge(healthy, settings);
  expect(findings.filter(({ result }) => result !== "ok")).toEqual([]);
  expect(countResults(findings)).toEqual({ ok: findings.length, warn: 0, fail: 0, skipped: 0 });
});

test("what is wrong says why it matters and what to do", () => {
  const broken = judge({ ...headscale({ unreachable: "ECONNREFUSED" }), ...notInstalled }, settings);
  for (const { result, why, todo, found } of broken)
    if (result === "warn" || result === "fail")
      expect([why, todo, found].every((text) => text.length > 10)).toBe(true);
});

const rule = (changes: object) => ({ family: 4 as const, priority: 100, table: 200, ...changes });
const acl = (src: string[], dst: string[]) =>
  policy(JSON.stringify({ acls: [{ action: "accept", src, dst }] }));

type Case = readonly [
  what: string,
  id: string,
  result: string,
  facts: DoctorFacts,
  found: string,
  Partial<DoctorSettings>?,
];
const cases: readonly Case[] = [
  [
    "missing capabilities",
    "kernel.privileges",
    "fail",
    node({ missingCapabilities: ["SYS_ADMIN"] }),
    "SYS_ADMIN",
  ],
  [
    "a refused attachment",
    "kernel.attachment",
    "fail",
    node({ trials: { value: [{ feature: "attachment", refusal: "EOPNOTSUPP" }] } }),
    "EOPNOTSUPP",
  ],
  ["no trial", "kernel.attachment", "skipped", node({ trials: { unknown: "no unshare" } }), "no unshare"],
  ["no tun driver", "kernel.tun", "fail", node({ tunDevice: "ENODEV" }), "ENODEV"],
  [
    "forwarding off under a daemon",
    "node.forwarding",
    "fail",
    node({ sysctls: { "net/ipv4/ip_forward": "0" } }),
    "is 0",
  ],
  [
    "forwarding off before an install",
    "node.forwarding",
    "ok",
    { ...node({ sysctls: { "net/ipv4/ip_forward": "0" } }), ...notInstalled },
    "will turn it on",
  ],
  [
    "forwarding that cannot be turned on",
    "node.forwarding",
    "fail",
    { ...node({ sysctls: { "net/ipv4/ip_forward": "0" }, sysctlsWritable: false }), ...notInstalled },
    "read-only",
  ],
  [
    "strict reverse path filter on our link",
    "node.rpFilter",
    "fail",
    node({ sysctls: { "net/ipv4/conf/headcni0/rp_filter": "1" } }),
    "headcni0",
  ],
  [
    "loose for all over strict on our link",
    "node.rpFilter",
    "ok",
    node({ sysctls: { "net/ipv4/conf/headcni0/rp_filter": "1", "net/ipv4/conf/all/rp_filter": "2" } }),
    "not strict",
  ],
  ["a missing program", "node.programs", "fail", node({ missingPrograms: ["nft"] }), "nft"],
  [
    "no tailscaled",
    "node.tailscaled",
    "fail",
    node({ tailscaledVersion: { unknown: "not installed" } }),
    "not installed",
  ],
  [
    "an old tailscaled",
    "node.tailscaled",
    "fail",
    node({ tailscaledVersion: { value: "1.98.4" } }),
    "1.98.4",
  ],
  [
    "a read-only state folder",
    "node.stateDir",
    "fail",
    node({
      directories: [
        { path: "/var/lib/headcni", existing: "/var/lib", refusal: "EROFS", freeBytes: 1e9, inMemory: false },
      ],
    }),
    "EROFS",
  ],
  [
    "a state folder in memory",
    "node.stateDir",
    "warn",
    node({
      directories: [
        { path: "/var/lib/headcni", existing: "/var/lib", refusal: "", freeBytes: 1e9, inMemory: true },
      ],
    }),
    "in memory",
  ],
  ["a taken WireGuard port", "node.tailscalePort", "fail", node({ udpPorts: [41642] }), "41642"],
  ["a taken monitoring port", "node.monitoringPort", "fail", { ...healthy, ...notInstalled }, "9797"],
  [
    "a resolver on loopback",
    "node.resolver",
    "ok",
    node({ nameservers: { direct: [], forwarded: ["127.0.0.53"] } }),
    "127.0.0.53",
  ],
  [
    "no nameserver, Headscale by name",
    "node.resolver",
    "fail",
    node({ nameservers: { direct: [], forwarded: [] } }),
    "no nameserver",
  ],
  [
    "no nameserver, Headscale by address",
    "node.resolver",
    "warn",
    node({ nameservers: { direct: [], forwarded: [] } }),
    "no nameserver",
    { headscaleUrl: "http://203.0.113.5" },
  ],
  [
    "a route of another network in the pods' addresses",
    "addresses.podCIDR",
    "fail",
    kernel(({ routes }) => ({ routes: [...routes, route("10.244.7.0/24", 2)] })),
    "10.244.7.0/24 through eth0",
  ],
  [
    "a LAN inside the Service addresses",
    "addresses.serviceCIDR",
    "fail",
    kernel(({ routes }) => ({ routes: [...routes, route("10.96.3.0/24", 2)] })),
    "10.96.3.0/24",
  ],
  [
    "the same without Kubernetes",
    "addresses.serviceCIDR",
    "warn",
    kernel(({ routes }) => ({ routes: [...routes, route("10.96.3.0/24", 2)] })),
    "10.96.3.0/24",
    { kubernetes: false },
  ],
  [
    "carrier-grade NAT on the uplink",
    "addresses.tailnet",
    "warn",
    kernel(({ routes }) => ({ routes: [...routes, route("100.64.3.0/24", 2)] })),
    "100.64.3.0/24",
  ],
  [
    "a tailscaled of the node's own",
    "addresses.tailnet",
    "ok",
    kernel(({ routes, links }) => ({
      links: [...links, link(9, "tailscale0")],
      routes: [...routes, route("100.64.0.9/32", 9, { table: 52 })],
    })),
    "no network",
  ],
  [
    "a taken link prefix",
    "addresses.link",
    "fail",
    kernel(({ routes }) => ({ routes: [...routes, route("198.18.0.0/15", 2)] })),
    "198.18.0.0/15",
  ],
  [
    "an uplink too narrow for full packets",
    "addresses.mtu",
    "warn",
    kernel(() => ({ links: [link(2, "eth0", { mtu: 1340 })] })),
    "1340",
  ],
  [
    "a rule of other software for every packet",
    "addresses.rules",
    "warn",
    kernel(({ rules }) => ({ rules: [...rules, rule({})] })),
    "priority 100",
  ],
  [
    "a rule of other software for a mark",
    "addresses.rules",
    "ok",
    kernel(({ rules }) => ({ rules: [...rules, rule({ mark: 0x200 })] })),
    "mark 0x200",
  ],
  [
    "legacy iptables that drop",
    "firewall.backend",
    "fail",
    firewall([], [], ["-P FORWARD DROP"]),
    "FORWARD DROP",
  ],
  ["legacy iptables rules", "firewall.backend", "warn", firewall([], [], ["-A INPUT -j ACCEPT"]), "1 rules"],
  ["an unused legacy table", "firewall.backend", "ok", firewall([], [], ["-P FORWARD ACCEPT"]), "nftables"],
  ["a firewall that drops forwarded packets", "firewall.forward", "ok", firewall([dropping]), "exceptions"],
  [
    "a firewall that lets nobody in",
    "firewall.owner",
    "fail",
    firewall([dropping], ["inet firewalld"]),
    "firewalld",
  ],
  [
    "another CNI that wins",
    "cni.configuration",
    "fail",
    {
      ...healthy,
      cni: { ...healthy.cni, configurations: ["05-cilium.conflist"], before: ["05-cilium.conflist"] },
    },
    "05-cilium.conflist",
  ],
  [
    "another CNI that does not win",
    "cni.configuration",
    "warn",
    { ...healthy, cni: { ...healthy.cni, configurations: ["10-headcni.conflist", "87-podman.conflist"] } },
    "87-podman",
  ],
  [
    "a plugin that does not run",
    "cni.plugin",
    "fail",
    { ...healthy, cni: { ...healthy.cni, pluginFault: "EACCES" } },
    "EACCES",
  ],
  [
    "a lost plugin",
    "cni.plugin",
    "fail",
    { ...healthy, cni: { ...healthy.cni, pluginPresent: false } },
    "no /opt/cni/bin",
  ],
  [
    "plugins that a container does not see",
    "cni.plugin",
    "skipped",
    { ...healthy, cni: { ...healthy.cni, pluginsVisible: false, pluginPresent: false, plugins: [] } },
    "not mounted",
  ],
  [
    "a missing chained plugin",
    "cni.chained",
    "fail",
    { ...healthy, cni: { ...healthy.cni, plugins: [] } },
    "portmap, loopback",
  ],
  [
    "a cluster name",
    "headscale.url",
    "fail",
    healthy,
    "cluster's DNS",
    { headscaleUrl: "http://headscale.tail.svc" },
  ],
  ["a ClusterIP", "headscale.url", "fail", headscale({ addresses: { value: ["10.96.0.7"] } }), "Service"],
  ["a pod's address", "headscale.url", "fail", headscale({ addresses: { value: ["10.244.3.7"] } }), "pod"],
  [
    "a loopback address",
    "headscale.url",
    "fail",
    headscale({ addresses: { value: ["127.0.0.1"] } }),
    "loopback",
  ],
  [
    "a name without address",
    "headscale.url",
    "fail",
    headscale({ addresses: { unknown: "ENOTFOUND" } }),
    "ENOTFOUND",
  ],
  [
    "a Headscale that is down",
    "headscale.reachable",
    "fail",
    headscale({ unreachable: "ECONNREFUSED" }),
    "nobody listens",
  ],
  [
    "an expired certificate",
    "headscale.reachable",
    "fail",
    headscale({ unreachable: "CERT_HAS_EXPIRED" }),
    "expired",
  ],
  [
    "an admin key in clear",
    "headscale.tls",
    "warn",
    healthy,
    "plain HTTP",
    { approval: "api", headscaleUrl: "http://hs.example" },
  ],
  ["an old Headscale", "headscale.version", "fail", headscale({ version: { value: "v0.26.1" } }), "0.26.1"],
  ["a newer Headscale", "headscale.version", "warn", headscale({ version: { value: "v0.31.0" } }), "0.31.0"],
  [
    "a clock a minute off",
    "headscale.clock",
    "warn",
    headscale({ clockSkewSeconds: { value: 60 } }),
    "60 s behind",
  ],
  [
    "a clock an hour off",
    "headscale.clock",
    "fail",
    headscale({ clockSkewSeconds: { value: -3600 } }),
    "ahead",
  ],
  [
    "Headscale as the only relay",
    "headscale.relays",
    "warn",
    {
      ...headscale({ embeddedDerp: { value: true } }),
      tailnet: tailnet({ relayHosts: ["headscale.example.org"] }).tailnet,
    },
    "only relay",
  ],
  [
    "an API key in place of the pre-auth key",
    "headscale.authKey",
    "fail",
    { ...headscale({ authKeyPrefix: { value: "hskey-api-abcdefghijkl" } }), ...notInstalled },
    "API key",
  ],
  [
    "an unknown pre-auth key",
    "headscale.authKey",
    "fail",
    { ...admin({ authKeys: [] }), ...notInstalled },
    "not among",
  ],
  [
    "an expired pre-auth key",
    "headscale.authKey",
    "fail",
    { ...admin({ authKeys: [{ ...key, expired: true }] }), ...notInstalled },
    "expired",
  ],
  [
    "a used pre-auth key",
    "headscale.authKey",
    "fail",
    { ...admin({ authKeys: [{ ...key, used: true }] }), ...notInstalled },
    "used",
  ],
  [
    "a key without the tag",
    "headscale.authKey",
    "fail",
    { ...admin({ authKeys: [{ ...key, tags: [] }] }), ...notInstalled },
    "tag:k8s",
  ],
  [
    "a used key on a node that is in",
    "headscale.authKey",
    "ok",
    admin({ authKeys: [{ ...key, used: true }] }),
    "logged in",
  ],
  [
    "a refused API key",
    "headscale.apiKey",
    "fail",
    headscale({ admin: { unknown: "Headscale refuses the API key" } }),
    "refuses",
    { approval: "api" },
  ],
  ["no policy", "headscale.approvers", "fail", policy(""), "no policy"],
  [
    "no autoApprovers",
    "headscale.approvers",
    "fail",
    policy('{"tagOwners":{"tag:k8s-node":[]}}'),
    "do not approve",
  ],
  [
    "autoApprovers for another prefix",
    "headscale.approvers",
    "fail",
    policy(goodPolicy.replace("10.244.0.0/16", "10.245.0.0/16")),
    "10.244.1.0/24",
  ],
  ["a tag without owner", "headscale.approvers", "fail", policy("{}"), "tagOwners"],
  ["acls that let all talk", "headscale.policy", "ok", acl(["*"], ["*:*"]), "talk"],
  ["acls that name the pods", "headscale.policy", "ok", acl(["10.0.0.0/8"], ["10.244.0.0/16:*"]), "talk"],
  ["acls for tags only", "headscale.policy", "fail", acl(["tag:k8s-node"], ["tag:k8s-node:*"]), "no rule"],
  ["acls for one port", "headscale.policy", "fail", acl(["*"], ["*:443"]), "all ports"],
  ["acls that deny all", "headscale.policy", "fail", policy('{"acls":[]}'), "no rule"],
  ["no cached maps", "headscale.cachedMaps", "warn", policy('{"tagOwners":{}}'), "cache-network-maps"],
  [
    "a stale node with this node's prefix",
    "tailnet.announcements",
    "fail",
    admin({ nodes: [{ id: "9", name: "old-n1", online: false, routes: ["10.244.1.0/24"] }] }),
    "old-n1",
  ],
  [
    "a peer that announces all pods",
    "tailnet.announcements",
    "fail",
    tailnet({ peers: [{ id: "4", name: "router", online: true, routes: ["10.0.0.0/8"] }] }),
    "this node's",
  ],
  [
    "an exit node",
    "tailnet.announcements",
    "ok",
    tailnet({ peers: [{ id: "4", name: "exit", online: true, routes: ["0.0.0.0/0"] }] }),
    "nobody else",
  ],
  ["a dead daemon", "tailnet.daemon", "fail", { ...healthy, daemon: { unknown: "no socket" } }, "no socket"],
  [
    "a dead tailscaled",
    "tailnet.login",
    "fail",
    { ...healthy, tailnet: { unknown: "no socket" } },
    "does not answer",
  ],
  [
    "an unproven daemon",
    "tailnet.daemon",
    "warn",
    { ...healthy, daemon: { value: { serving: true, state: "unproven", reason: "no peer answers" } } },
    "no peer answers",
  ],
  ["a node without Headscale", "tailnet.login", "warn", tailnet({ online: false }), "without a connection"],
  [
    "a node that is logged out",
    "tailnet.login",
    "fail",
    tailnet({ backendState: "NeedsLogin" }),
    "NeedsLogin",
  ],
  ["a prefix that is not served", "tailnet.routes", "fail", tailnet({ primaryRoutes: [] }), "10.244.1.0/24"],
  [
    "a peer that is away",
    "tailnet.peers",
    "warn",
    tailnet({ peers: [{ id: "2", name: "n2", online: false, routes: ["10.244.2.0/24"] }] }),
    "n2",
  ],
];

test.each(
  cases.map(([what, id, result, facts, found, changes]) => ({ what, id, result, facts, found, changes })),
)("$what: $id is $result", ({ id, result, facts, found, changes }) => {
  const findings = of(id, facts, changes);
  expect(findings).toEqual([expect.objectContaining({ id, result, found: expect.stringContaining(found) })]);
});

const cluster = (changes: object): DoctorFacts => ({
  ...healthy,
  kubernetes: healthy.kubernetes === undefined ? undefined : { ...healthy.kubernetes, ...changes },
});

test.each([
  ["kubernetes.api", { unreachable: "the API server cannot be reached: ECONNREFUSED" }, "ECONNREFUSED"],
  ["kubernetes.rights", { forbidden: { value: ["watch pods"] } }, "watch pods"],
  ["kubernetes.node", { ownPodCidrs: { value: undefined } }, 'no Node "n1"'],
  ["kubernetes.node", { ownPodCidrs: { value: [] } }, "no podCIDR"],
  ["kubernetes.node", { ownPodCidrs: { value: ["10.1.0.0/24"] } }, "outside"],
  ["kubernetes.node", { ownPodCidrs: { value: ["10.244.9.0/24"] } }, "the Node has"],
  ["kubernetes.nodes", { nodes: { value: [{ name: "n2", podCidrs: ["10.1.0.0/24"] }] } }, "n2 10.1.0.0/24"],
  [
    "kubernetes.nodes",
    {
      nodes: {
        value: [
          { name: "n2", podCidrs: ["10.244.2.0/24"] },
          { name: "n3", podCidrs: ["10.244.2.0/25"] },
        ],
      },
    },
    "overlaps",
  ],
])("%s fails with %o", (id, changes, found) => {
  expect(of(id, cluster(changes))).toEqual([
    expect.objectContaining({ result: "fail", found: expect.stringContaining(found) }),
  ]);
});

test("a wrong configuration leaves its checks out instead of failing them", () => {
  const findings = judge(healthy, { ...settings, headscaleUrl: "", supernets: [], ownPrefixes: [] });
  expect(findings.filter(({ result }) => result === "fail")).toEqual([]);
  expect(findings.find(({ id }) => id === "headscale.url")?.result).toBe("skipped");
});
