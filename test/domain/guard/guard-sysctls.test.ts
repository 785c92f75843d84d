import { expect, test } from "vitest";
import type { NamespaceGuard } from "../../../src/domain/guard/guard-settings.ts";
import { brokenSysctls, desiredSysctls, sysctlsToRemember } from "../../../src/domain/guard/guard-sysctls.ts";
import type { KernelSnapshot } from "../../../src/domain/kernel/kernel-state.ts";

const ipv4: NamespaceGuard = {
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
const dual: NamespaceGuard = {
  ...ipv4,
  ownPrefixes: ["10.244.1.0/24", "fd00:244:1::/64"],
  supernets: ["10.244.0.0/16", "fd00:244::/48"],
};
const link = (name: string, group = 0) => ({
  ...{ index: name.length, name, mac: "", mtu: 1500, up: true, group, alias: "", kind: "" },
});
const snapshot = (...links: KernelSnapshot["links"]): KernelSnapshot => ({
  links,
  addresses: [],
  routes: [],
  rules: [],
});
/** The uplink, our veth, a pod's link, and one that leaves. */
const links = snapshot(link("eth0"), link("headcni0"), link("hc1", 0x4843), link("hc2", 0x4844));

test("the node forwards, loosely on our own link only", () => {
  expect(desiredSysctls(ipv4, "node", links)).toEqual([
    { name: "net/ipv4/ip_forward", value: "1", orElse: [] },
    { name: "net/ipv4/conf/headcni0/rp_filter", value: "2", orElse: [] },
  ]);
  expect(desiredSysctls(ipv4, "node", snapshot(link("eth0")))).toEqual([
    { name: "net/ipv4/ip_forward", value: "1", orElse: [] },
  ]);
});

test("a node that forwards IPv6 keeps the routes that a router advertised, opens no other link, and believes no pod", () => {
  const route = { family: 6, type: "unicast", destination: "::/0", table: 254, metric: 1024 } as const;
  const advertised = { ...links, links: [...links.links, link("enp0s9")] };
  const routes = [
    { ...route, protocol: 9, linkIndex: "eth0".length },
    { ...route, protocol: 9 },
    // The operator's own, and one that a pod's link has by whatever means.
    { ...route, protocol: 4, linkIndex: "enp0s9".length },
    { ...route, protocol: 9, linkIndex: "hc1".length },
  ];
  expect(desiredSysctls(dual, "node", { ...advertised, routes }).slice(2)).toEqual([
    { name: "net/ipv6/conf/headcni0/disable_ipv6", value: "0", orElse: [] },
    { name: "net/ipv6/conf/eth0/accept_ra", value: "2", orElse: ["0"] },
    { name: "net/ipv6/conf/hc1/accept_ra", value: "0", orElse: [] },
    { name: "net/ipv6/conf/all/forwarding", value: "1", orElse: [] },
  ]);
  expect(desiredSysctls(dual, "node", advertised).map(({ name }) => name)).not.toContain(
    "net/ipv6/conf/eth0/accept_ra",
  );
});

test("a prefix that a router advertised, which ends by itself, counts as its route; one of IPv4 does not", () => {
  const route = { type: "unicast", table: 254, metric: 256, protocol: 2, linkIndex: "eth0".length } as const;
  const on = (routes: KernelSnapshot["routes"]) =>
    desiredSysctls(dual, "node", { ...links, routes }).filter(({ name }) => name.includes("eth0/accept_ra"));
  const prefix = { ...route, family: 6, destination: "2001:db8::/64" } as const;
  expect(on([{ ...prefix, expires: true }])).toHaveLength(1);
  expect(on([prefix])).toEqual([]);
  expect(on([{ ...route, family: 4, destination: "192.0.2.0/24", expires: true }])).toEqual([]);
});

test("X forwards, and is loose on all links", () => {
  const [forwards, loose] = [
    { name: "net/ipv4/ip_forward", value: "1", orElse: [] },
    { name: "net/ipv4/conf/all/rp_filter", value: "2", orElse: [] },
  ];
  expect(desiredSysctls(ipv4, "tailnet", links)).toEqual([forwards, loose]);
  const enabled = { name: "net/ipv6/conf/eth0/disable_ipv6", value: "0", orElse: [] };
  expect(desiredSysctls(dual, "tailnet", links)).toEqual([
    ...[forwards, loose, enabled],
    { name: "net/ipv6/conf/all/forwarding", value: "1", orElse: [] },
  ]);
  expect(desiredSysctls(dual, "tailnet", snapshot())).not.toContainEqual(enabled);
});

test("with IPv6 for tailscaled alone the node forwards it, and X does not", () => {
  const underlay = {
    ...ipv4,
    carrier: { ...ipv4.carrier, linkPrefixes: ["198.18.0.0/30", "fdc1::/126"] },
  };
  const forwarding = { name: "net/ipv6/conf/all/forwarding", value: "1", orElse: [] };
  expect(desiredSysctls(underlay, "node", links)).toContainEqual(forwarding);
  expect(desiredSysctls(underlay, "tailnet", links)).not.toContainEqual(forwarding);
  expect(desiredSysctls(underlay, "tailnet", links)).toContainEqual({
    ...{ name: "net/ipv6/conf/eth0/disable_ipv6", value: "0", orElse: [] },
  });
});

test("only another value is written, none that is as good, and none of a link that is gone", () => {
  const desired = [
    { name: "a", value: "1", orElse: [] },
    { name: "b", value: "2", orElse: ["0"] },
    { name: "c", value: "2", orElse: ["0"] },
    { name: "d", value: "1", orElse: [] },
    { name: "e", value: "1", orElse: [] },
  ];
  expect(brokenSysctls(desired, { a: "1", b: "0", c: "1", d: "0" })).toEqual({ c: "2", d: "1" });
});

test("the switches are remembered before what they change", () => {
  expect(sysctlsToRemember(links)).toEqual([
    [
      "net/ipv4/ip_forward",
      "net/ipv4/conf/all/accept_redirects",
      "net/ipv4/conf/default/forwarding",
      "net/ipv4/conf/eth0/forwarding",
    ],
    [
      "net/ipv6/conf/all/forwarding",
      "net/ipv6/conf/default/forwarding",
      "net/ipv6/conf/eth0/forwarding",
      "net/ipv6/conf/eth0/accept_ra",
    ],
  ]);
});
