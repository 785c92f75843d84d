import { describe, expect, test } from "vitest";
import type { NamespaceGuard } from "../../../src/domain/guard/guard-settings.ts";
import { allowlistTable } from "../../../src/domain/nftables/nft-allowlist-table.ts";
import { isXtablesName, repairForeignChain } from "../../../src/domain/nftables/nft-foreign.ts";
import {
  acceptArguments,
  acceptStatements,
  forwardAccepts,
  inputAccepts,
} from "../../../src/domain/nftables/nft-foreign-accepts.ts";
import { nodeTable } from "../../../src/domain/nftables/nft-node-table.ts";
import {
  belongsToNoFlow,
  clampSegment,
  counted,
  destinationIsLocal,
  isFromOpener,
  isTcpSyn,
  keepsItsSource,
  lacksChecksum,
  sourceIsElsewhere,
  writeZeroChecksum,
} from "../../../src/domain/nftables/nft-statements.ts";
import {
  digestOf,
  loadTable,
  type NftTable,
  type ObservedTable,
  removeTable,
  ruleComment,
  tableHolds,
} from "../../../src/domain/nftables/nft-table.ts";
import { tailnetTable } from "../../../src/domain/nftables/nft-tailnet-table.ts";

const settings: NamespaceGuard = {
  ownPrefixes: ["10.244.1.0/24", "fd00:1::/64"],
  supernets: ["10.244.0.0/16", "fd00::/16"],
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

const believing = { supernets: settings.supernets, tunnel: "tailscale0" };

/** What nft would list of the table. */
function listed(table: NftTable): ObservedTable {
  const digest = digestOf(table);
  return {
    hasFlags: false,
    chains: table.chains.map(({ rules, ...place }) => ({
      ...place,
      comments: rules.map(({ name }) => ruleComment(name, digest)),
    })),
  };
}

const mtu1400: NamespaceGuard = {
  ...settings,
  carrier: { ...settings.carrier, tunnel: { name: "tailscale0", mtu: 1400 } },
};
const ruleNames = (table: NftTable) => table.chains.flatMap(({ rules }) => rules.map(({ name }) => name));

describe("a table of ours", () => {
  const wanted = tailnetTable(settings);
  const found = listed(wanted);
  const [first] = found.chains;

  test("holds as it was loaded, chains in any order", () => {
    expect(tableHolds(wanted, found)).toBe(true);
    expect(tableHolds(wanted, { ...found, chains: [...found.chains].reverse() })).toBe(true);
  });

  test.each([
    { what: "is absent", seen: undefined },
    { what: "is dormant", seen: { ...found, hasFlags: true } },
    { what: "lacks a chain", seen: { ...found, chains: found.chains.slice(1) } },
    {
      what: "has a chain too many",
      seen: { ...found, chains: [...found.chains, ...found.chains.slice(0, 1)] },
    },
    {
      what: "accepts by policy",
      seen: { ...found, chains: found.chains.map((chain) => ({ ...chain, policy: "accept" as const })) },
    },
    {
      what: "sits at another priority",
      seen: { ...found, chains: found.chains.map((chain) => ({ ...chain, priority: chain.priority + 1 })) },
    },
    {
      what: "lacks a rule",
      seen: {
        ...found,
        chains: found.chains.map((chain) => ({ ...chain, comments: chain.comments.slice(1) })),
      },
    },
    {
      what: "has its rules in another order",
      seen: {
        ...found,
        chains: found.chains.map((chain) => ({ ...chain, comments: [...chain.comments].reverse() })),
      },
    },
    {
      what: "has one rule of another version",
      seen: {
        ...found,
        chains: found.chains.map(({ comments: [, ...rest], ...chain }) => ({
          ...chain,
          comments: ["headcni:rule:0", ...rest],
        })),
      },
    },
    {
      what: "has a foreign rule",
      seen: {
        ...found,
        chains: found.chains.map((chain) => ({ ...chain, comments: [...chain.comments, ""] })),
      },
    },
    { what: "is that of other settings", seen: listed(tailnetTable(mtu1400)) },
  ])("does not hold when it $what", ({ seen }) => {
    expect(first).toBeDefined();
    expect(tableHolds(wanted, seen)).toBe(false);
  });
});

test("a table is loaded and removed whole, there or not, in one transaction", () => {
  const hook = { type: "filter", hook: "forward", priority: 5, policy: "drop" } as const;
  const statements = [{ accept: null }];
  const table = { name: "t", chains: [{ name: "c", ...hook, rules: [{ name: "r", statements }] }] };
  const self = { table: { family: "inet", name: "t" } };
  const [type, prio] = ["filter", 5];
  const chain = { family: "inet", table: "t", name: "c", type, hook: "forward", prio, policy: "drop" };
  const comment = `headcni:r:${digestOf(table)}`;
  const rule = { family: "inet", table: "t", chain: "c", comment, expr: statements };
  expect(loadTable(table)).toEqual({
    nftables: [{ add: self }, { delete: self }, { add: self }, { add: { chain } }, { add: { rule } }],
  });
  expect(removeTable("t")).toEqual({ nftables: [{ add: self }, { delete: self }] });
});

test("sets are loaded with their table, and an empty one without a list", () => {
  const elements = ["10.244.2.1"];
  const sets = [
    { name: "a", type: "ipv4_addr", elements },
    { name: "b", type: "ipv6_addr", elements: [] },
  ] as const;
  const { nftables } = loadTable({ name: "t", sets, chains: [] }) as {
    readonly nftables: readonly unknown[];
  };
  const set = { family: "inet", table: "t", flags: ["interval"] };
  expect(nftables.slice(3)).toEqual([
    { add: { set: { ...set, name: "a", type: "ipv4_addr", elem: elements } } },
    { add: { set: { ...set, name: "b", type: "ipv6_addr" } } },
  ]);
});

test("statements are those of libnftables-json(5)", () => {
  expect(destinationIsLocal).toEqual({
    match: { op: "==", left: { fib: { result: "type", flags: ["daddr"] } }, right: "local" },
  });
  expect(isTcpSyn).toEqual({
    match: { op: "in", left: { payload: { protocol: "tcp", field: "flags" } }, right: "syn" },
  });
  expect(clampSegment(1240)).toEqual({
    mangle: { key: { "tcp option": { name: "maxseg", field: "size" } }, value: 1240 },
  });
  expect(lacksChecksum).toEqual({
    match: { op: "==", left: { payload: { protocol: "udp", field: "checksum" } }, right: 0 },
  });
  expect(writeZeroChecksum).toEqual({
    mangle: { key: { payload: { protocol: "udp", field: "checksum" } }, value: 65535 },
  });
  expect(counted).toEqual({ counter: { packets: 0, bytes: 0 } });
  expect(sourceIsElsewhere).toEqual({
    match: { op: "==", left: { fib: { result: "oif", flags: ["saddr", "iif"] } }, right: false },
  });
  expect(belongsToNoFlow).toEqual({
    match: { op: "in", left: { ct: { key: "state" } }, right: ["invalid", "untracked"] },
  });
  expect(keepsItsSource).toEqual({
    match: {
      op: "==",
      left: { "&": [{ ct: { key: "status" } }, { "|": ["confirmed", "snat"] }] },
      right: "confirmed",
    },
  });
  expect(isFromOpener).toEqual({
    match: { op: "==", left: { ct: { key: "direction" } }, right: "original" },
  });
});

test.each([
  ["ip", "filter", "FORWARD", true],
  ["ip6", "filter", "INPUT", true],
  ["inet", "filter", "FORWARD", false],
  ["ip", "nat", "INPUT", false],
  ["ip6", "filter", "DOCKER", false],
])("iptables-nft takes %s %s %s for its own: %s", (family, table, chain, expected) => {
  expect(isXtablesName({ family, table, chain })).toBe(expected);
});

test.each([
  ["ip", ["10.244.1.0"]],
  ["ip6", ["fd00:1::"]],
  ["inet", ["10.244.1.0", "fd00:1::"]],
] as const)("a chain of %s gets the accepts of its family alone", (family, prefixes) => {
  const place = { family, table: "fw", chain: "f", hook: "forward", manager: "nft" } as const;
  const changes = JSON.stringify(repairForeignChain(settings, { ...place, policy: "drop", rules: [] }));
  const found = ["10.244.1.0", "fd00:1::"].filter((prefix) => changes.includes(`"${prefix}"`));
  expect(found).toEqual(prefixes);
});

describe.each([
  {
    of: "the node",
    name: "headcni",
    table: nodeTable(settings),
    places: {
      sources: "filter prerouting -300 accept",
      inbound: "nat prerouting -100 accept",
      forward: "filter forward -150 accept",
      barrier: "filter postrouting -150 accept",
      outbound: "nat postrouting 100 accept",
    },
  },
  {
    of: "X",
    name: "headcni",
    table: tailnetTable(settings),
    places: {
      forward: "filter forward 0 drop",
      barrier: "filter postrouting -150 accept",
      outbound: "nat postrouting 100 accept",
    },
  },
  {
    of: "what X believes",
    name: "headcni_allowlist",
    table: allowlistTable(believing, []),
    places: { forward: "filter forward -10 accept" },
  },
])("the table of $of", ({ name: tableName, table, places }) => {
  // Before conntrack (-200), before and after its translations (dstnat -100, srcnat 100): linux/netfilter_ipv4.h.
  test("has its name, and its chains where they see what they judge", () => {
    const found = table.chains.map(
      ({ name, type, hook, priority, policy }) => [name, `${type} ${hook} ${priority} ${policy}`] as const,
    );
    expect(Object.fromEntries(found)).toEqual(places);
    expect(table.name).toBe(tableName);
  });

  test("counts what it drops, and names each rule once", () => {
    const rules = table.chains.flatMap((chain) => chain.rules);
    const dropping = rules.filter(({ statements }) => JSON.stringify(statements.at(-1)) === '{"drop":null}');
    expect(dropping.length).toBeGreaterThan(0);
    for (const { statements } of dropping) expect(statements.at(-2)).toHaveProperty("counter");
    expect(new Set(rules.map(({ name }) => name)).size).toBe(rules.length);
    for (const { name } of rules) expect(name).toMatch(/^[a-z][a-z-]+(-[46])?$/);
  });
});

describe("the table of what X believes", () => {
  const { sets, chains } = allowlistTable(believing, [
    "10.244.2.0/24",
    "10.244.3.8-10.244.3.11",
    "fd00:2::/64",
  ]);
  const end = (family: 4 | 6, field: string) => ({
    payload: { protocol: family === 4 ? "ip" : "ip6", field },
  });
  const refusal = (family: 4 | 6, field: string, link: string, addr: string) => [
    { match: { op: "==", left: { meta: { key: link } }, right: "tailscale0" } },
    { match: { op: "==", left: end(family, field), right: { prefix: { addr, len: 16 } } } },
    { match: { op: "!=", left: end(family, field), right: `@believed${family}` } },
    { counter: { packets: 0, bytes: 0 } },
    { drop: null },
  ];

  test("has a set of its prefixes and ranges for each family", () => {
    const range = { range: ["10.244.3.8", "10.244.3.11"] };
    expect(sets).toEqual([
      {
        name: "believed4",
        type: "ipv4_addr",
        elements: [{ prefix: { addr: "10.244.2.0", len: 24 } }, range],
      },
      { name: "believed6", type: "ipv6_addr", elements: [{ prefix: { addr: "fd00:2::", len: 64 } }] },
    ]);
  });

  test("refuses pods' addresses outside of them, from the tunnel and towards it", () => {
    expect(chains.map(({ rules }) => rules)).toEqual([
      [
        { name: "not-believed-saddr-4", statements: refusal(4, "saddr", "iifname", "10.244.0.0") },
        { name: "not-believed-daddr-4", statements: refusal(4, "daddr", "oifname", "10.244.0.0") },
        { name: "not-believed-saddr-6", statements: refusal(6, "saddr", "iifname", "fd00::") },
        { name: "not-believed-daddr-6", statements: refusal(6, "daddr", "oifname", "fd00::") },
      ],
    ]);
  });

  test("has nothing of a family without pods", () => {
    const only6 = allowlistTable({ ...believing, supernets: ["fd00::/16"] }, []);
    expect(only6.sets).toEqual([{ name: "believed6", type: "ipv6_addr", elements: [] }]);
    expect(ruleNames(only6)).toEqual(["not-believed-saddr-6", "not-believed-daddr-6"]);
  });
});

test("what makes a pod a router is refused in both families", () => {
  const judged = nodeTable(settings)
    .chains.flatMap(({ rules }) => rules)
    .filter(({ name }) => name.startsWith("pod-router"))
    .map(({ name, statements: [, kind] }) => [name, kind]);
  const type = (protocol: string) => ({ payload: { protocol, field: "type" } });
  expect(judged).toEqual([
    ["pod-router-4", { match: { op: "==", left: type("icmp"), right: "redirect" } }],
    [
      "pod-router-6",
      { match: { op: "==", left: type("icmpv6"), right: { set: ["nd-router-advert", "nd-redirect"] } } },
    ],
  ]);
});

test("segments leave room for the headers of their family", () => {
  const sizes = JSON.stringify(tailnetTable(settings)).match(/"size"}},"value":\d+/g);
  expect(sizes).toEqual(['"size"}},"value":1240', '"size"}},"value":1220']);
});

test("a family of which no sender is named has no rule for senders: nft knows no empty set", () => {
  const named = { ...settings, allowFromUnderlay: { prefixes: ["192.0.2.7/32"], links: [] } };
  const names = ruleNames(nodeTable(named)).filter((name) => name.startsWith("allowed-source"));
  expect(names).toEqual(["allowed-source-4"]);
});

test("without masquerade pods keep their address outside, tailscaled's packets still take the node's", () => {
  const names = ruleNames(nodeTable({ ...settings, masquerade: false }));
  expect(names).toContain("underlay-masquerade-4");
  expect(names.filter((name) => name.startsWith("pods-masquerade"))).toEqual([]);
  expect(ruleNames(nodeTable(settings))).toContain("pods-masquerade-6");
});

test("tailscaled's packets are translated both ways in each family that the veth has, whatever pods have", () => {
  const ipv4 = { ownPrefixes: ["10.244.1.0/24"], supernets: ["10.244.0.0/16"] };
  const rulesOf = (changes: Partial<NamespaceGuard>) =>
    nodeTable({ ...settings, ...changes })
      .chains.flatMap(({ rules }) => rules)
      .filter(({ name }) => /link|underlay-(port|masquerade)/.test(name));
  const carrier = { ...settings.carrier, linkPrefixes: ["198.18.0.0/30", "fdc1::/126"] };
  const both = rulesOf({ ...ipv4, carrier });
  expect(both.map(({ name }) => name)).toEqual([
    "spoofed-link-4",
    "spoofed-link-6",
    "underlay-port-4",
    "underlay-port-6",
    "underlay-masquerade-4",
    "underlay-masquerade-6",
  ]);
  expect(both[3]?.statements.at(-1)).toEqual({ dnat: { family: "ip6", addr: "fdc1::2", port: 41642 } });
  expect(rulesOf({}).map(({ name }) => name.at(-1))).toEqual(["4", "4", "4"]);
});

describe("accepts for other programs' chains", () => {
  test("as iptables arguments", () => {
    const ipv4 = forwardAccepts(settings).filter(({ family }) => family === 4);
    expect(ipv4.map(acceptArguments)).toEqual([
      "-i headcni0 -j ACCEPT",
      "-s 10.244.1.0/24 -j ACCEPT",
      "-d 10.244.1.0/24 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-o headcni0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-d 10.244.1.0/24 -m conntrack --ctstate DNAT -j ACCEPT",
      "-o headcni0 -m conntrack --ctstate DNAT -j ACCEPT",
    ]);
  });

  test("for what the node receives, as iptables arguments", () => {
    const [ipv4, ipv6] = ([4, 6] as const).map((family) =>
      inputAccepts(settings)
        .filter((rule) => rule.family === family)
        .map(acceptArguments),
    );
    expect(ipv4).toEqual([
      "-i headcni0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-s 10.244.1.0/24 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-d 10.244.1.1/32 -i headcni0 -p icmp --icmp-type 8 -j ACCEPT",
    ]);
    expect(ipv6?.at(-1)).toBe("-d fd00:1::1/128 -i headcni0 -p icmpv6 --icmpv6-type 128 -j ACCEPT");
  });

  test("as statements of libnftables-json(5), whole or as far as iptables reads them back", () => {
    const meta = (key: string, right: string) => ({ match: { op: "==", left: { meta: { key } }, right } });
    const address = (protocol: string, field: string, right: unknown) => ({
      match: { op: "==", left: { payload: { protocol, field } }, right },
    });
    const known = {
      match: { op: "in", left: { ct: { key: "state" } }, right: ["established", "related"] },
    };
    const translated = { match: { op: "in", left: { ct: { key: "status" } }, right: "dnat" } };
    const pods = { prefix: { addr: "10.244.1.0", len: 24 } };
    const input = meta("iifname", "headcni0");
    const output = meta("oifname", "headcni0");
    const accept = { accept: null };
    const both = (rules: ReturnType<typeof forwardAccepts>, family: 4 | 6) =>
      rules
        .filter((rule) => rule.family === family)
        .map((rule) => [acceptStatements(rule, false), acceptStatements(rule, true)]);
    expect(both(forwardAccepts(settings), 4)).toEqual([
      ...[[input, accept]].map((whole) => [whole, whole]),
      ...[[address("ip", "saddr", pods), accept]].map((whole) => [whole, whole]),
      ...[address("ip", "daddr", pods), output].map((to) => [
        [to, known, accept],
        [to, accept],
      ]),
      ...[address("ip", "daddr", pods), output].map((to) => [
        [to, translated, accept],
        [to, accept],
      ]),
    ]);
    const echo = (icmp: string) => address(icmp, "type", "echo-request");
    const [v4, v6] = [address("ip", "daddr", "10.244.1.1"), address("ip6", "daddr", "fd00:1::1")];
    expect(both(inputAccepts(settings), 4).at(-1)).toEqual([
      [input, v4, echo("icmp"), accept],
      [input, v4, accept],
    ]);
    expect(both(inputAccepts(settings), 6).at(-1)).toEqual([
      [input, v6, echo("icmpv6"), accept],
      [input, v6, accept],
    ]);
  });

  test("have a name each, once in a family", () => {
    for (const family of [4, 6])
      for (const accepts of [forwardAccepts(settings), inputAccepts(settings)]) {
        const names = accepts.filter((rule) => rule.family === family).map(({ name }) => name);
        expect(new Set(names).size).toBe(names.length);
        for (const name of names) expect(name).toMatch(/^[a-z-]+$/);
      }
  });
});
