import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planCleanup } from "../../../src/domain/guard/guard-cleanup.ts";
import { type GuardInvariant, guardInvariants } from "../../../src/domain/guard/guard-invariants.ts";
import type { GuardObservation, NamespaceObservation } from "../../../src/domain/guard/guard-observation.ts";
import { findBroken } from "../../../src/domain/guard/guard-plan.ts";
import type { NamespaceGuard } from "../../../src/domain/guard/guard-settings.ts";
import type { KernelSnapshot, NamespaceName } from "../../../src/domain/kernel/kernel-state.ts";
import type { ForeignChain } from "../../../src/domain/nftables/nft-observation.ts";
import { removeTable } from "../../../src/domain/nftables/nft-table.ts";
import { wireOperations } from "../../../src/domain/tailnet/wire-operations.ts";
import { applied, freshObservation } from "./model-kernel.ts";

const settings: NamespaceGuard = {
  ownPrefixes: ["10.244.1.0/24"],
  supernets: ["10.244.0.0/16"],
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

const broken = (seen: GuardObservation) => findBroken(settings, seen);
const names = (seen: GuardObservation) => broken(seen).map(({ invariant }) => invariant);

/** Repairs until nothing is left, at most three times: what depends on a new link shows only once it is there. */
function repaired(seen: GuardObservation): GuardObservation {
  let next = seen;
  for (let round = 0; round < 3; round += 1)
    next = applied(
      next,
      broken(next).flatMap(({ repairs }) => repairs),
    );
  return next;
}

const whole = repaired(withPod(freshObservation));

function withPod(seen: GuardObservation): GuardObservation {
  const pod = {
    index: 40,
    name: "hc1",
    mac: "",
    mtu: 1280,
    up: true,
    group: 0x4843,
    alias: "headcni1 ready headcni c1 eth0 u1 1 10.244.1.5 0",
    kind: "veth",
  };
  return inKernel(seen, "node", (kernel) => ({ ...kernel, links: [...kernel.links, pod] }));
}

function inPlace(
  seen: GuardObservation,
  name: NamespaceName,
  change: (place: NamespaceObservation) => NamespaceObservation,
): GuardObservation {
  const place = seen[name];
  return place === undefined ? seen : { ...seen, [name]: change(place) };
}

function inKernel(
  seen: GuardObservation,
  name: NamespaceName,
  change: (kernel: KernelSnapshot) => KernelSnapshot,
): GuardObservation {
  return inPlace(seen, name, (place) => ({ ...place, kernel: change(place.kernel) }));
}

const withoutRoutes = (name: NamespaceName, kept: (route: KernelSnapshot["routes"][number]) => boolean) =>
  inKernel(whole, name, (kernel) => ({ ...kernel, routes: kernel.routes.filter(kept) }));
const withoutRules = (name: NamespaceName, priority: number) =>
  inKernel(whole, name, (kernel) => ({
    ...kernel,
    rules: kernel.rules.filter((rule) => rule.priority !== priority),
  }));
const withoutAddress = (name: NamespaceName, address: string) =>
  inKernel(whole, name, (kernel) => ({
    ...kernel,
    addresses: kernel.addresses.filter((entry) => entry.address !== address),
  }));
const linkDown = (name: NamespaceName, link: string) =>
  inKernel(whole, name, (kernel) => ({
    ...kernel,
    links: kernel.links.map((entry) => (entry.name === link ? { ...entry, up: false } : entry)),
  }));
const withSysctl = (name: NamespaceName, sysctl: string, value: string) =>
  inPlace(whole, name, (place) => ({ ...place, sysctls: { ...place.sysctls, [sysctl]: value } }));
const withoutTable = (name: NamespaceName) =>
  inPlace(whole, name, (place) => ({ ...place, firewall: { foreign: [] } }));

test("what holds needs nothing", () => {
  expect(broken(whole)).toEqual([]);
});

test("a table of NetworkPolicies goes where none are enforced any more, and stays where they are", () => {
  const seen = inPlace(whole, "node", ({ firewall, ...place }) => ({
    ...place,
    firewall: { foreign: [], ...firewall, policies: true },
  }));
  const changes = [{ tool: "nft", document: removeTable("headcni_policy") }];
  expect(broken(seen)).toEqual([
    { invariant: "node.leftovers", repairs: [{ kind: "firewall", namespace: "node", changes }] },
  ]);
  expect(findBroken({ ...settings, networkPolicies: true }, seen)).toEqual([]);
});

const breaks: readonly { readonly invariant: GuardInvariant; readonly seen: GuardObservation }[] = [
  { invariant: "node.link", seen: linkDown("node", "headcni0") },
  { invariant: "tailnet.link", seen: linkDown("tailnet", "eth0") },
  { invariant: "node.linkAddress", seen: withoutAddress("node", "198.18.0.1") },
  { invariant: "tailnet.linkAddress", seen: withoutAddress("tailnet", "198.18.0.2") },
  { invariant: "node.routerAddress", seen: withoutAddress("node", "10.244.1.1") },
  {
    invariant: "node.unreachable",
    seen: withoutRoutes("node", ({ type, table }) => type !== "unreachable" || table !== 254),
  },
  {
    invariant: "node.tailnetUnreachable",
    seen: withoutRoutes("node", ({ type, table }) => type !== "unreachable" || table === 254),
  },
  { invariant: "node.tailnetRoute", seen: withoutRoutes("node", ({ gateway }) => gateway !== "198.18.0.2") },
  {
    invariant: "node.podRoutes",
    seen: withoutRoutes("node", ({ destination }) => destination !== "10.244.1.5/32"),
  },
  { invariant: "tailnet.unreachable", seen: withoutRoutes("tailnet", ({ type }) => type !== "unreachable") },
  {
    invariant: "tailnet.defaultRoute",
    seen: withoutRoutes("tailnet", ({ destination }) => destination !== "0.0.0.0/0"),
  },
  {
    invariant: "tailnet.ownRoute",
    seen: withoutRoutes("tailnet", ({ destination }) => destination !== "10.244.1.0/24"),
  },
  { invariant: "node.ownRule", seen: withoutRules("node", 5180) },
  { invariant: "tailnet.ownRule", seen: withoutRules("tailnet", 5180) },
  { invariant: "node.supernetRule", seen: withoutRules("node", 5190) },
  { invariant: "node.sysctls", seen: withSysctl("node", "net/ipv4/ip_forward", "0") },
  { invariant: "tailnet.sysctls", seen: withSysctl("tailnet", "net/ipv4/conf/all/rp_filter", "1") },
  { invariant: "node.firewall", seen: withoutTable("node") },
  { invariant: "tailnet.firewall", seen: withoutTable("tailnet") },
];

test("each invariant that metrics count from zero is broken by a test here, and no other", () => {
  const others = ["node.leftovers", "tailnet.leftovers", "node.table52", "node.foreignFirewall"];
  expect([...breaks.map(({ invariant }) => invariant), ...others].toSorted()).toEqual(
    guardInvariants.toSorted(),
  );
});

test.each(breaks)("$invariant alone is broken and its repair makes all whole", ({ invariant, seen }) => {
  expect(names(seen)).toEqual([invariant]);
  expect(
    broken(
      applied(
        seen,
        broken(seen).flatMap(({ repairs }) => repairs),
      ),
    ),
  ).toEqual([]);
});

test("a route like ours through another gateway is broken", () => {
  const seen = inKernel(whole, "node", (kernel) => ({
    ...kernel,
    routes: kernel.routes.map((route) =>
      route.gateway === "198.18.0.2" ? { ...route, gateway: "10.0.0.1" } : route,
    ),
  }));
  expect(names(seen)).toContain("node.tailnetRoute");
});

test.each(["node", "tailnet"] as const)("half a veth pair in %s is made anew on both sides", (name) => {
  const link = name === "node" ? "headcni0" : "eth0";
  const seen = inKernel(whole, name, (kernel) => ({
    ...kernel,
    links: kernel.links.filter((entry) => entry.name !== link),
  }));
  const [first] = broken(seen);
  expect(first?.invariant).toBe("node.link");
  expect(broken(repaired(seen))).toEqual([]);
});

test.each([
  ["node", "headcni0", "tailnet", "eth0"],
  ["tailnet", "eth0", "node", "headcni0"],
] as const)(
  "without the end in %s the other half goes, then all that stood on the pair comes back",
  (name, link, there, half) => {
    const seen = inKernel(whole, name, (kernel) => ({
      ...kernel,
      links: kernel.links.filter((entry) => entry.name !== link),
      rules: [],
    }));
    const [first, ...rest] = broken(seen);
    const operations = [{ op: "link.remove", link: half }];
    expect(first).toEqual({
      invariant: "node.link",
      repairs: [{ kind: "kernel", namespace: there, operations }],
    });
    expect(rest.map(({ invariant }) => invariant)).toEqual(
      expect.arrayContaining([
        ...["node.link", "node.linkAddress", "node.routerAddress", "node.tailnetRoute"],
      ]),
    );
  },
);

test("a pod's route that is gone comes back also while the pair is torn", () => {
  const torn = inKernel(
    withoutRoutes("node", ({ destination }) => destination !== "10.244.1.5/32"),
    "tailnet",
    (kernel) => ({ ...kernel, links: [] }),
  );
  expect(names(torn)).toContain("node.podRoutes");
});

const stale = { family: 4, priority: 5180, table: 254, destination: "10.99.0.0/16", protocol: 0x48 } as const;
const withStale = (name: NamespaceName) =>
  inKernel(whole, name, (kernel) => ({ ...kernel, rules: [...kernel.rules, stale] }));

test("what an earlier configuration left goes from either namespace, on the node also before X is open", () => {
  const removal = (namespace: NamespaceName) => ({
    invariant: `${namespace}.leftovers`,
    repairs: [{ kind: "kernel", namespace, operations: [{ op: "rule.remove", rule: stale }] }],
  });
  expect(broken(withStale("tailnet"))).toEqual([removal("tailnet")]);
  expect(broken(withStale("node"))).toEqual([removal("node")]);
  expect(broken({ node: withStale("node").node })).toEqual([removal("node")]);
  const torn = inKernel(withStale("node"), "tailnet", (kernel) => ({ ...kernel, links: [] }));
  expect(broken(torn)).toContainEqual(removal("node"));
});

test("what the routes machine put back into tailscaled's table is not left from an earlier configuration", () => {
  const back = { family: 4, type: "unicast", destination: "10.244.2.0/24", table: 52, metric: 0 } as const;
  const seen = inKernel(whole, "tailnet", (kernel) => ({
    ...kernel,
    routes: [...kernel.routes, { ...back, protocol: 0x48, linkIndex: kernel.links[0]?.index ?? 0 }],
  }));
  expect(broken(seen)).toEqual([]);
});

test("before X is open a link that is down is not touched", () => {
  expect(names({ node: linkDown("node", "headcni0").node })).toEqual([]);
});

test("each invariant is repaired by its own operations alone", () => {
  for (const { invariant, repairs } of broken({ node: freshObservation.node }))
    if (/unreachable|Rule$/i.test(invariant))
      expect(repairs).toEqual([expect.objectContaining({ operations: [expect.anything()] })]);
});

test("before X is open, pod packets are refused already and nothing asks for the veth", () => {
  const { node } = freshObservation;
  expect(names({ node })).toEqual([
    "node.firewall",
    "node.unreachable",
    "node.tailnetUnreachable",
    "node.ownRule",
    "node.supernetRule",
    "node.sysctls",
  ]);
});

test("a check without the firewall judges all but the firewall", () => {
  const { firewall: _node, ...node } = freshObservation.node;
  expect(names({ node })).not.toContain("node.firewall");
  expect(names({ node })).toContain("node.ownRule");
});

test("a changed pod CIDR takes the old one out", () => {
  const renumbered: NamespaceGuard = { ...settings, ownPrefixes: ["10.244.7.0/24"] };
  const found = findBroken(renumbered, whole);
  const left = found.filter(({ invariant }) => invariant.endsWith(".leftovers"));
  expect(JSON.stringify(left)).toContain('"op":"rule.remove"');
  expect(JSON.stringify(left)).toContain('"address":"10.244.1.1"');
  const after = applied(
    whole,
    found.flatMap(({ repairs }) => repairs),
  );
  expect(findBroken(renumbered, after).filter(({ invariant }) => invariant !== "node.podRoutes")).toEqual([]);
});

test("a pod that is not committed gets no route from the guard", () => {
  const seen = inKernel(whole, "node", (kernel) => ({
    ...kernel,
    routes: kernel.routes.filter(({ destination }) => destination !== "10.244.1.5/32"),
    links: kernel.links.map((link) => ({ ...link, alias: link.alias.replace(" ready ", " leaving ") })),
  }));
  expect(names(seen)).toEqual([]);
});

describe("whatever is missing", () => {
  const keep = fc.infiniteStream(fc.boolean());
  const damaged = fc.tuple(keep, fc.boolean(), fc.boolean()).map(([stream, nodeTable, tailnetTable]) => {
    const some = <T>(list: readonly T[]): readonly T[] => list.filter(() => stream.next().value);
    const damage = (seen: GuardObservation, name: NamespaceName) =>
      inKernel(seen, name, (kernel) => ({
        links: kernel.links.filter(
          ({ name: link }) => link === "lo" || link === "hc1" || stream.next().value,
        ),
        addresses: some(kernel.addresses),
        routes: some(kernel.routes),
        rules: some(kernel.rules),
      }));
    const seen = damage(damage(whole, "node"), "tailnet");
    const tables = nodeTable
      ? seen
      : inPlace(seen, "node", (place) => ({ ...place, firewall: { foreign: [] } }));
    return tailnetTable
      ? tables
      : inPlace(tables, "tailnet", (place) => ({ ...place, firewall: { foreign: [] } }));
  });

  test("the repairs make it whole, and then there is nothing more to do", () => {
    fc.assert(
      fc.property(damaged, (seen) => {
        expect(broken(repaired(seen))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

describe("the Service prefixes that are kept from the underlay", () => {
  const services = ["10.96.0.0/16", "fd96::/112"];
  const rulesAbout = (seen: GuardObservation) => {
    const loaded = findBroken({ ...settings, services }, seen).find(
      ({ invariant }) => invariant === "node.firewall",
    );
    return services.filter((prefix) => JSON.stringify(loaded).includes(prefix.split("/")[0] ?? ""));
  };
  const withAddress = (name: string, kind: string, address: string) =>
    inKernel(freshObservation, "node", (kernel) => ({
      ...kernel,
      links: [
        ...kernel.links.filter((link) => link.name !== name),
        { index: 7, name, mac: "", mtu: 1500, up: true, group: 0, alias: "", kind },
      ],
      addresses: [{ linkIndex: 7, address, prefixLength: 24 }],
    }));

  test.each([
    { seen: withAddress("eth0", "", "192.0.2.7"), kept: ["10.96.0.0/16"], where: "outside of them" },
    { seen: withAddress("eth0", "", "10.96.3.7"), kept: [], where: "in one of them" },
    { seen: withAddress("kube-ipvs0", "dummy", "10.96.0.1"), kept: ["10.96.0.0/16"], where: "as a Service" },
    { seen: withAddress("lo", "", "10.96.0.1"), kept: ["10.96.0.0/16"], where: "on loopback" },
  ])("are $kept where the node has an address $where", ({ seen, kept }) => {
    expect(rulesAbout(seen)).toEqual(kept);
  });
});

test("cleanup takes out all that the guard made and gives the sysctls back", () => {
  const remembered = { "net/ipv4/ip_forward": "0", "net/ipv4/conf/eth9/forwarding": "1" };
  const clean = applied(whole, planCleanup(whole.node, remembered));
  const { kernel, firewall } = clean.node;
  expect(kernel.rules).toEqual([]);
  expect(kernel.routes.filter(({ destination }) => destination !== "10.244.1.5/32")).toEqual([]);
  expect(kernel.links.map((link) => link.name).filter((link) => link !== "hc1")).toEqual(["lo"]);
  expect(firewall).toEqual({ foreign: [] });
  expect(clean.node.sysctls["net/ipv4/ip_forward"]).toBe("0");
  expect(JSON.stringify(planCleanup(whole.node, remembered))).not.toContain("eth9");
});

describe("other programs' chains", () => {
  const chain = (over: Partial<ForeignChain>): ForeignChain => ({
    family: "ip",
    table: "filter",
    chain: "FORWARD",
    hook: "forward",
    policy: "accept",
    manager: "iptables",
    rules: [],
    ...over,
  });
  const own = whole.node.firewall?.own;
  const seenWith = (foreign: ForeignChain) =>
    inPlace(whole, "node", (place) => ({
      ...place,
      firewall: { foreign: [foreign], ...(own === undefined ? {} : { own }) },
    }));
  const reject = { comment: "", dropsAll: true, reference: 7 };
  const plain = { comment: "theirs", dropsAll: false, reference: 8 };

  test.each([
    { what: "accepts everything", foreign: chain({ rules: [plain] }) },
    { what: "is empty and accepts", foreign: chain({}) },
  ])("one that $what is left alone", ({ foreign }) => {
    expect(names(seenWith(foreign))).toEqual([]);
  });

  test.each([
    { what: "drops by policy", foreign: chain({ policy: "drop", rules: [plain] }) },
    { what: "rejects at its end", foreign: chain({ rules: [plain, reject] }) },
    {
      what: "is nft's and of both families",
      foreign: chain({ family: "inet", table: "firewalld", chain: "f", manager: "nft", rules: [reject] }),
    },
    {
      what: "filters what the node receives",
      foreign: chain({ chain: "INPUT", hook: "input", policy: "drop" }),
    },
  ])("one that $what gets our accepts at its top, once", ({ foreign }) => {
    const seen = seenWith(foreign);
    expect(names(seen)).toEqual(["node.foreignFirewall"]);
    const after = applied(
      seen,
      broken(seen).flatMap(({ repairs }) => repairs),
    );
    expect(broken(after)).toEqual([]);
    expect(after.node.firewall?.foreign[0]?.rules[0]?.comment).toMatch(
      /^headcni:(from-tailnet|answers-from-tailnet):/,
    );
    expect(applied(after, planCleanup(after.node, {})).node.firewall?.foreign).toEqual([foreign]);
  });

  test("an accept behind the reject counts for nothing", () => {
    const after = applied(
      seenWith(chain({ rules: [reject] })),
      broken(seenWith(chain({ rules: [reject] }))).flatMap(({ repairs }) => repairs),
    );
    const [first] = after.node.firewall?.foreign ?? [];
    const behind = chain({ rules: [reject, ...(first?.rules ?? []).filter((rule) => rule !== reject)] });
    expect(names(seenWith(behind))).toEqual(["node.foreignFirewall"]);
  });

  test("ours go when the chain drops no longer", () => {
    const ours = { comment: "headcni:from-pods:abc", dropsAll: false, reference: "-A FORWARD x" };
    const seen = seenWith(chain({ rules: [ours, plain] }));
    expect(
      applied(
        seen,
        broken(seen).flatMap(({ repairs }) => repairs),
      ).node.firewall?.foreign[0]?.rules,
    ).toEqual([plain]);
  });
});

describe("with X not open", () => {
  const node = (seen: GuardObservation): GuardObservation => ({ node: seen.node });

  test("a node that was whole is left as it is: X may stand, with its veth and its routes", () => {
    expect(names(node(whole))).toEqual([]);
  });

  test("pods get their router address and routes on the veth that a new headcni-wire made", () => {
    const { node: operations } = wireOperations({ ...settings, ...settings.carrier });
    const bare = applied(withPod(freshObservation), [{ kind: "kernel", namespace: "node", operations }]);
    const seen = node(repaired(node(bare)));
    expect(names(seen)).toEqual([]);
    const { addresses, routes } = seen.node.kernel;
    expect(addresses.map(({ address }) => address)).toEqual(
      expect.arrayContaining(["198.18.0.1", "10.244.1.1"]),
    );
    expect(routes.map(({ destination }) => destination)).toContain("10.244.1.5/32");
  });

  test("without a veth none is made", () => {
    const repairs = broken(node(freshObservation)).flatMap((entry) => entry.repairs);
    expect(JSON.stringify(repairs)).not.toContain("addVeth");
    expect(names(node(freshObservation))).not.toContain("node.link");
  });
});

test("what headcni-wire makes is what the guard wants", () => {
  const { node: onNode, tailnet: inX } = wireOperations({ ...settings, ...settings.carrier });
  const made = applied(freshObservation, [
    { kind: "kernel", namespace: "node", operations: onNode },
    { kind: "kernel", namespace: "tailnet", operations: inX },
  ]);
  expect(names(made).filter((name) => name.startsWith("tailnet."))).toEqual([
    "tailnet.firewall",
    "tailnet.ownRoute",
    "tailnet.ownRule",
    "tailnet.sysctls",
  ]);
  expect(names(made)).not.toContain("node.link");
  expect(names(made)).not.toContain("node.linkAddress");
});
