import { describe, expect, test } from "vitest";
import { planCleanup } from "../../../src/domain/guard/guard-cleanup.ts";
import type { GuardInvariant } from "../../../src/domain/guard/guard-invariants.ts";
import type { GuardObservation, NamespaceObservation } from "../../../src/domain/guard/guard-observation.ts";
import { findBroken } from "../../../src/domain/guard/guard-plan.ts";
import type { HostGuard, Table52Confinement } from "../../../src/domain/guard/guard-settings.ts";
import { desiredHostState } from "../../../src/domain/host-guard/host-desired-state.ts";
import type { KernelRule, KernelSnapshot } from "../../../src/domain/kernel/kernel-state.ts";
import type { ForeignChain } from "../../../src/domain/nftables/nft-observation.ts";
import { dualStack } from "../firewall/firewall-nodes.ts";
import { applied, freshObservation } from "../guard/model-kernel.ts";
import { kernelRules } from "./routed-nodes.ts";

const settings: HostGuard = {
  ...{
    ownPrefixes: ["10.244.1.0/24"],
    supernets: ["10.244.0.0/16"],
    masquerade: true,
    nodesKnown: true,
    networkPolicies: false,
    services: [],
  },
  allowFromUnderlay: { prefixes: [], links: [] },
  carrier: {
    ...{ kind: "host", tunnel: { name: "tailscale0", mtu: 1280 } },
    ...{ confineTable52: "toTailnet", magicDns: false, elsewhere: false },
  },
};
const confined = (confineTable52: Table52Confinement): HostGuard => ({
  ...settings,
  carrier: { ...settings.carrier, confineTable52 },
});

/** A node that runs tailscaled already, and has an address of its own on loopback. */
const fresh: GuardObservation = {
  node: {
    ...freshObservation.node,
    kernel: {
      ...freshObservation.node.kernel,
      addresses: [
        { linkIndex: 1, address: "127.0.0.1", prefixLength: 8 },
        { linkIndex: 1, address: "10.99.0.1", prefixLength: 32 },
      ],
      rules: kernelRules,
    },
    sysctls: { "net/ipv4/ip_forward": "0" },
  },
};

function repaired(seen: GuardObservation, by: HostGuard = settings): GuardObservation {
  return applied(
    seen,
    findBroken(by, seen).flatMap(({ repairs }) => repairs),
  );
}
const names = (seen: GuardObservation, by: HostGuard = settings) =>
  findBroken(by, seen).map(({ invariant }) => invariant);
const inNode = (
  seen: GuardObservation,
  change: (node: NamespaceObservation) => Partial<NamespaceObservation>,
): GuardObservation => ({ node: { ...seen.node, ...change(seen.node) } });
const inKernel = (
  seen: GuardObservation,
  change: (kernel: KernelSnapshot) => Partial<KernelSnapshot>,
): GuardObservation => inNode(seen, ({ kernel }) => ({ kernel: { ...kernel, ...change(kernel) } }));

const whole = repaired(fresh);
const ourRules = ({ node }: GuardObservation) => node.kernel.rules.filter(({ protocol }) => protocol === 72);
const withoutRules = (gone: (rule: KernelRule) => boolean) =>
  inKernel(whole, ({ rules }) => ({ rules: rules.filter((rule) => !gone(rule)) }));
const addressesOn = ({ node }: GuardObservation) => node.kernel.addresses.map(({ address }) => address);

test("one round of repairs makes it whole, and what holds needs nothing", () => {
  expect(names(whole)).toEqual([]);
  expect(addressesOn(whole)).toEqual(["127.0.0.1", "10.99.0.1", "10.244.1.1"]);
});

test("the firewall comes first, and what refuses before what leads to tailscaled's table", () => {
  expect(names(fresh)).toEqual([
    ...["node.firewall", "node.unreachable", "node.routerAddress", "node.ownRule", "node.supernetRule"],
    ...["node.table52", "node.sysctls"],
  ]);
  const rules = desiredHostState(settings, [4]).flatMap(({ operation }) =>
    operation.op === "rule.add" ? [operation.rule] : [],
  );
  expect(rules).toEqual(
    [
      { destination: "10.244.1.0/24", table: 254, priority: 5199 },
      { destination: "10.244.0.0/16", table: 0, priority: 5263, action: "unreachable" },
      { destination: "10.244.0.0/16", table: 52, priority: 5262, suppressPrefixLength: 15 },
      { table: 0, priority: 5290, action: "nop" },
      { destination: "100.64.0.0/10", table: 52, priority: 5260 },
      { table: 0, priority: 5269, goto: 5290 },
    ].map((rule) => ({ family: 4, ...rule, protocol: 72 })),
  );
});

test.each<{ readonly invariant: GuardInvariant; readonly seen: GuardObservation }>([
  { invariant: "node.ownRule", seen: withoutRules(({ priority }) => priority === 5199) },
  { invariant: "node.supernetRule", seen: withoutRules(({ priority }) => priority === 5262) },
  { invariant: "node.supernetRule", seen: withoutRules(({ priority }) => priority === 5263) },
  {
    invariant: "node.table52",
    seen: withoutRules(({ priority, family }) => priority === 5260 && family === 6),
  },
  { invariant: "node.table52", seen: withoutRules(({ goto, family }) => goto !== undefined && family === 6) },
  { invariant: "node.table52", seen: withoutRules(({ action }) => action === "nop") },
  { invariant: "node.unreachable", seen: inKernel(whole, () => ({ routes: [] })) },
  {
    invariant: "node.routerAddress",
    seen: inKernel(whole, ({ addresses }) => ({
      addresses: addresses.filter(({ address }) => address !== "10.244.1.1"),
    })),
  },
  { invariant: "node.firewall", seen: inNode(whole, () => ({ firewall: { foreign: [] } })) },
  { invariant: "node.sysctls", seen: inNode(whole, () => ({ sysctls: { "net/ipv4/ip_forward": "0" } })) },
])("$invariant is missed and repaired", ({ invariant, seen }) => {
  expect(names(seen)).toEqual([invariant]);
  expect(names(repaired(seen))).toEqual([]);
});

test("tailscaled's interface that comes and goes breaks nothing: ours stands without it", () => {
  const tunnel = {
    index: 7,
    name: "tailscale0",
    mac: "",
    mtu: 1280,
    up: true,
    group: 0,
    alias: "",
    kind: "tun",
  };
  expect(names(inKernel(whole, ({ links }) => ({ links: [...links, tunnel] })))).toEqual([]);
});

test("a kernel without IPv6 is asked for no rule of it", () => {
  const rules = kernelRules.filter(({ family }) => family === 4);
  const seen = repaired(inKernel(fresh, () => ({ rules })));
  expect(ourRules(seen).filter(({ family }) => family === 6)).toEqual([]);
  expect(names(seen)).toEqual([]);
});

describe("when its owner has tailscaled otherwise", () => {
  test.each(["none", "toTailnet", "behindMain"] as const)("rules follow to %s from everything else", (to) => {
    for (const from of ["none", "toTailnet", "behindMain"] as const) {
      const seen = repaired(repaired(fresh, confined(from)), confined(to));
      expect(names(seen, confined(to))).toEqual([]);
      expect(new Set(ourRules(seen).map((rule) => JSON.stringify(rule)))).toEqual(
        new Set(ourRules(repaired(fresh, confined(to))).map((rule) => JSON.stringify(rule))),
      );
    }
  });
});

describe("what an earlier configuration left", () => {
  const renumbered: HostGuard = { ...settings, ownPrefixes: ["10.244.7.0/24"] };

  test("goes with its router address, and no other address on loopback", () => {
    const seen = repaired(whole, renumbered);
    expect(names(seen, renumbered)).toEqual([]);
    expect(addressesOn(seen)).toEqual(["127.0.0.1", "10.99.0.1", "10.244.7.1"]);
  });

  test("its address goes before the rule by which it is known", () => {
    const left = findBroken(renumbered, whole).find(({ invariant }) => invariant === "node.leftovers");
    const operations = left?.repairs.flatMap((repair) => (repair.kind === "kernel" ? repair.operations : []));
    expect(operations?.map(({ op }) => op)).toEqual(["address.remove", "rule.remove"]);
  });

  test("a rule whose address is gone already goes alone", () => {
    const bare = inKernel(whole, ({ addresses }) => ({
      addresses: addresses.filter(({ address }) => address !== "10.244.1.1"),
    }));
    const left = findBroken(renumbered, bare).find(({ invariant }) => invariant === "node.leftovers");
    expect(JSON.stringify(left)).not.toContain("address.remove");
  });

  test("of our own tailscaled in X goes, but for the link, which is headcni-wire's", () => {
    const { ownPrefixes, supernets } = settings;
    const around = { ...dualStack.settings, ownPrefixes, supernets, services: [] };
    const other = applied(
      fresh,
      findBroken(around, fresh).flatMap(({ repairs }) => repairs),
    );
    expect(ourRules(other).map(({ priority }) => priority)).toEqual([5180, 5190]);
    const seen = repaired(other);
    expect(names(seen)).toEqual([]);
    expect(new Set(ourRules(seen).map(({ priority }) => priority))).toEqual(
      new Set([5199, 5260, 5262, 5263, 5269, 5290]),
    );
  });
});

test("the clean-up takes rules, routes and router addresses, and leaves what is the owner's", () => {
  const seen = applied(whole, planCleanup(whole.node, { "net/ipv4/ip_forward": "0" }));
  expect(seen.node.kernel).toEqual(fresh.node.kernel);
  expect(seen.node.firewall).toEqual({ foreign: [] });
});

test("a chain that drops by default gets the accepts that pods need, by tailscaled's interface", () => {
  const chain: ForeignChain = {
    ...{ family: "inet", table: "theirs", chain: "f", hook: "forward", policy: "drop", manager: "nft" },
    rules: [],
  };
  const seen = inNode(whole, ({ firewall }) => ({ firewall: { foreign: [chain], ...only(firewall?.own) } }));
  expect(names(seen)).toEqual(["node.foreignFirewall"]);
  const comments = repaired(seen).node.firewall?.foreign[0]?.rules.map(
    ({ comment }) => comment.split(":")[1],
  );
  expect(comments).toEqual([
    ...["from-tailnet", "from-pods", "to-pods-known", "to-pods-translated"],
    ...["to-tailnet-translated", "from-tailnet-known"],
  ]);
});

function only<T>(own: T | undefined): { readonly own?: T } {
  return own === undefined ? {} : { own };
}
