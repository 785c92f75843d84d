import { describe, expect, test } from "vitest";
import type { GuardObservation } from "../../../src/domain/guard/guard-observation.ts";
import { findBroken } from "../../../src/domain/guard/guard-plan.ts";
import type { NamespaceGuard } from "../../../src/domain/guard/guard-settings.ts";
import type { KernelRoute } from "../../../src/domain/kernel/kernel-state.ts";
import type { ForeignChain } from "../../../src/domain/nftables/nft-observation.ts";
import { wireOperations } from "../../../src/domain/tailnet/wire-operations.ts";
import { applied, freshObservation } from "./model-kernel.ts";

const prefixes = {
  4: { own: "10.244.1.0/24", supernet: "10.244.0.0/16" },
  6: { own: "fd00:10:244:1::/64", supernet: "fd00:10:244::/48" },
} as const;

const underlay6 = "fdc1::/126";
/** What a router advertised on the node's link. */
const advertised: KernelRoute = {
  ...{ family: 6, type: "unicast", destination: "::/0", table: 254, metric: 1024, protocol: 9 },
  ...{ linkIndex: 9, gateway: "fe80::1" },
};

function settingsOf(families: readonly (4 | 6)[]): NamespaceGuard {
  return {
    ownPrefixes: families.map((family) => prefixes[family].own),
    supernets: families.map((family) => prefixes[family].supernet),
    carrier: {
      kind: "namespace",
      linkPrefixes: ["198.18.0.0/30", underlay6],
      tunnel: { name: "tailscale0", mtu: 1280 },
      underlayPort: 41642,
    },
    masquerade: true,
    nodesKnown: true,
    networkPolicies: false,
    services: [],
    allowFromUnderlay: { prefixes: [], links: [] },
  };
}

function repair(settings: NamespaceGuard, seen: GuardObservation, rounds = 3): GuardObservation {
  const repairs = findBroken(settings, seen).flatMap((broken) => broken.repairs);
  return repairs.length === 0 || rounds === 0 ? seen : repair(settings, applied(seen, repairs), rounds - 1);
}

/** The same, with IPv6 on a link of the node. */
function onIpv6(seen: GuardObservation): GuardObservation {
  const { kernel, sysctls } = seen.node;
  const eth9 = { index: 9, name: "eth9", mac: "", mtu: 1500, up: true, group: 0, alias: "", kind: "" };
  return {
    ...seen,
    node: {
      ...seen.node,
      kernel: { ...kernel, links: [...kernel.links, eth9], routes: [...kernel.routes, advertised] },
      sysctls: {
        ...{ ...sysctls, "net/ipv6/conf/all/forwarding": "0" },
        "net/ipv6/conf/eth9/accept_ra": "1",
      },
    },
  };
}

describe.each([
  { pods: "IPv4", settings: settingsOf([4]), own: ["198.18.0.1", "10.244.1.1"] },
  { pods: "IPv6", settings: settingsOf([6]), own: ["198.18.0.1", "fe80::4843:1", "fd00:10:244:1::1"] },
  {
    pods: "both families",
    settings: settingsOf([4, 6]),
    own: ["198.18.0.1", "fe80::4843:1", "10.244.1.1", "fd00:10:244:1::1"],
  },
])("with pods of $pods", ({ settings, own }) => {
  const repaired = (seen: GuardObservation) => repair(settings, seen);
  const whole = repaired(freshObservation);

  test("tailscaled's underlay is IPv4 where the node has no other: the veth, X's way out, forwarding", () => {
    const { node, tailnet } = whole;
    expect(node.kernel.addresses.map(({ address }) => address)).toEqual(own);
    expect(tailnet?.kernel.routes).toContainEqual(
      expect.objectContaining({ family: 4, destination: "0.0.0.0/0", gateway: "198.18.0.1" }),
    );
    expect(node.sysctls["net/ipv4/ip_forward"]).toBe("1");
  });

  test("nothing of what headcni-wire made is taken away", () => {
    const { node: onNode, tailnet: inX } = wireOperations({ ...settings, ...settings.carrier });
    const made = applied(freshObservation, [
      { kind: "kernel", namespace: "node", operations: onNode },
      { kind: "kernel", namespace: "tailnet", operations: inX },
    ]);
    const names = findBroken(settings, made).map(({ invariant }) => invariant);
    expect(names.filter((name) => name.endsWith(".leftovers"))).toEqual([]);
  });

  test("a firewall that drops forwarded IPv4 lets tailscaled's packets through", () => {
    const chain: ForeignChain = {
      ...{ family: "ip", table: "filter", chain: "FORWARD", hook: "forward", policy: "drop" },
      ...{ manager: "iptables", rules: [] },
    };
    const own = whole.node.firewall?.own;
    const firewall = { foreign: [chain], ...(own === undefined ? {} : { own }) };
    const seen = { ...whole, node: { ...whole.node, firewall } };
    const comments = repaired(seen).node.firewall?.foreign[0]?.rules.map(
      ({ comment }) => comment.split(":")[1],
    );
    expect(comments).toEqual(
      expect.arrayContaining(["from-tailnet", "to-tailnet-known", "to-tailnet-translated"]),
    );
  });
});

describe("where the node has IPv6, tailscaled has it, too, with pods of IPv4 alone", () => {
  const settings = settingsOf([4]);
  const whole = repair(settings, onIpv6(freshObservation));
  const ways = ({ tailnet }: GuardObservation) =>
    tailnet?.kernel.routes.filter(({ destination }) => destination === "::/0").map(({ gateway }) => gateway);
  const addresses = ({ node, tailnet }: GuardObservation) =>
    [node, tailnet].map((place) => place?.kernel.addresses.map(({ address }) => address));

  test("its addresses, its way out, forwarding, and the route that was advertised stays", () => {
    expect(addresses(whole)).toEqual([
      ["198.18.0.1", "fdc1::1", "fe80::4843:1", "10.244.1.1"],
      ["198.18.0.2", "fdc1::2", "fe80::4843:2"],
    ]);
    expect(ways(whole)).toEqual(["fe80::4843:1"]);
    // Written in this order: to forward first would cost the route.
    expect(Object.entries(whole.node.sysctls).slice(-2)).toEqual([
      ["net/ipv6/conf/all/forwarding", "1"],
      ["net/ipv6/conf/eth9/accept_ra", "2"],
    ]);
    const order = findBroken(settings, onIpv6(freshObservation)).flatMap(({ repairs }) =>
      repairs.flatMap((one) => (one.kind === "sysctls" ? Object.keys(one.values) : [])),
    );
    expect(order.indexOf("net/ipv6/conf/eth9/accept_ra")).toBeLessThan(
      order.indexOf("net/ipv6/conf/all/forwarding"),
    );
    expect(findBroken(settings, whole)).toEqual([]);
  });

  test("it comes to an X that an earlier release made, and to one that was there before the node's IPv6", () => {
    const ipv4 = repair(
      { ...settings, carrier: { ...settings.carrier, linkPrefixes: ["198.18.0.0/30"] } },
      freshObservation,
    );
    expect(ways(ipv4)).toEqual([]);
    const later = repair(settings, onIpv6(ipv4));
    expect(addresses(later).map((place) => new Set(place))).toEqual(
      addresses(whole).map((place) => new Set(place)),
    );
    expect(ways(later)).toEqual(ways(whole));
  });

  test("it stays while the node's route comes and goes, and goes with the key", () => {
    const routes = whole.node.kernel.routes.filter(({ destination }) => destination !== "::/0");
    const without = { ...whole, node: { ...whole.node, kernel: { ...whole.node.kernel, routes } } };
    expect(findBroken(settings, without)).toEqual([]);
    const ipv4 = repair(
      { ...settings, carrier: { ...settings.carrier, linkPrefixes: ["198.18.0.0/30"] } },
      whole,
    );
    expect(addresses(ipv4).flat()).not.toContain("fdc1::1");
    expect(addresses(ipv4).flat()).not.toContain("fdc1::2");
    expect(ways(ipv4)).toEqual([]);
  });

  test("the firewall is ready before the node has it: nothing is loaded when it comes", () => {
    const before = repair(settings, freshObservation);
    const kinds = findBroken(settings, onIpv6(before)).flatMap(({ repairs }) =>
      repairs.map(({ kind }) => kind),
    );
    expect(new Set(kinds)).toEqual(new Set(["kernel", "sysctls"]));
  });
});
