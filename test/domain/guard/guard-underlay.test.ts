import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { NamespaceGuard } from "../../../src/domain/guard/guard-settings.ts";
import { settingsOnNode } from "../../../src/domain/guard/guard-underlay.ts";
import type {
  KernelAddress,
  KernelLink,
  KernelRoute,
  KernelSnapshot,
} from "../../../src/domain/kernel/kernel-state.ts";

const four = "198.18.0.0/30";
const six = "fdc1::/126";
const settings: NamespaceGuard = {
  ownPrefixes: ["10.244.1.0/24"],
  supernets: ["10.244.0.0/16"],
  carrier: {
    kind: "namespace",
    linkPrefixes: [four, six],
    tunnel: { name: "tailscale0", mtu: 1280 },
    underlayPort: 41642,
  },
  masquerade: true,
  nodesKnown: true,
  networkPolicies: false,
  services: [],
  allowFromUnderlay: { prefixes: [], links: [] },
};

const link = (index: number, name: string, changes: Partial<KernelLink> = {}): KernelLink => ({
  ...{ index, name, mac: "", mtu: 1500, up: true, group: 0, alias: "", kind: "" },
  ...changes,
});
const links = [
  link(1, "lo"),
  link(2, "eth0"),
  link(3, "headcni0", { kind: "veth" }),
  link(4, "hc1", { kind: "veth", group: 0x4843 }),
  link(5, "hc2", { kind: "veth", group: 0x4844 }),
  link(6, "cache0", { kind: "dummy" }),
  link(7, "wlan0"),
];
const advertised: KernelRoute = {
  ...{ family: 6, type: "unicast", destination: "::/0", table: 254, metric: 1024, protocol: 9 },
  ...{ linkIndex: 2, gateway: "fe80::1" },
};
const given = (routes: readonly KernelRoute[], addresses: readonly KernelAddress[] = []): KernelSnapshot => ({
  ...{ links, routes, addresses, rules: [] },
});
const prefixesOn = (snapshot: KernelSnapshot) => settingsOnNode(settings, snapshot).carrier.linkPrefixes;

describe("tailscaled has IPv6", () => {
  test.each([
    ["a default route", {}],
    ["its LAN alone", { destination: "2001:db8::/64", protocol: 2, gateway: undefined }],
    ["unique local addresses alone", { destination: "fd12::/64" }],
  ])("where the node has %s", (_what, changes) => {
    expect(prefixesOn(given([{ ...advertised, ...changes } as KernelRoute]))).toEqual([four, six]);
  });

  test.each([
    ["of IPv4", { family: 4, destination: "0.0.0.0/0" }],
    ["that refuses", { type: "unreachable" }],
    ["of another table", { table: 52 }],
    ["to link-local addresses", { destination: "fe80::/64" }],
    ["to multicast", { destination: "ff00::/8" }],
    ["to tailnet nodes, by the node's own tailscaled", { destination: "fd7a:115c:a1e0::5/128" }],
    ["on loopback", { destination: "fd12::1/128", linkIndex: 1 }],
    ["on our veth", { destination: six, linkIndex: 3 }],
    ["of a pod", { destination: "fd00::5/128", linkIndex: 4 }],
    ["of a pod that leaves", { destination: "fd00::5/128", linkIndex: 5 }],
    ["on a link that carries nothing", { destination: "fd12::/64", linkIndex: 6 }],
    ["on no link", { linkIndex: undefined }],
  ])("not for a route %s", (_what, changes) => {
    expect(prefixesOn(given([{ ...advertised, ...changes } as KernelRoute]))).toEqual([four]);
  });

  test("still, once it had it, where the node's route went", () => {
    const own = { linkIndex: 3, address: "fdc1::1", prefixLength: 126 };
    expect(prefixesOn(given([], [own]))).toEqual([four, six]);
    expect(prefixesOn(given([], [{ ...own, linkIndex: 2 }]))).toEqual([four]);
    expect(prefixesOn(given([], [{ ...own, address: "fdc2::1" }]))).toEqual([four]);
    expect(prefixesOn(given([], [{ ...own, address: "fe80::4843:1" }]))).toEqual([four]);
  });
});

test("nothing but the link's prefixes depends on the node, and IPv4's never does", () => {
  const anyRoute = fc.record({
    ...{ family: fc.constantFrom<4 | 6>(4, 6), table: fc.constantFrom(254, 52, 255) },
    ...{ type: fc.constantFrom<KernelRoute["type"]>("unicast", "unreachable", "local") },
    destination: fc.constantFrom("::/0", "2001:db8::/32", "fe80::/64", "ff00::/8", "fd7a:115c:a1e0::9/128"),
    ...{ metric: fc.nat(), protocol: fc.nat(255), linkIndex: fc.integer({ min: 1, max: 7 }) },
  });
  fc.assert(
    fc.property(fc.array(anyRoute, { maxLength: 4 }), fc.constantFrom([four], [four, six]), (routes, own) => {
      const asked = { ...settings, carrier: { ...settings.carrier, linkPrefixes: own } };
      const found = settingsOnNode(asked, given(routes));
      const { linkPrefixes } = found.carrier;
      expect({ ...found, carrier: { ...found.carrier, linkPrefixes: own } }).toEqual(asked);
      const leads = routes.some(
        ({ family, type, table, destination, linkIndex }) =>
          family === 6 &&
          type === "unicast" &&
          table === 254 &&
          ["::/0", "2001:db8::/32"].includes(destination) &&
          [2, 7].includes(linkIndex),
      );
      expect(linkPrefixes).toEqual(leads ? own : [four]);
    }),
  );
});
