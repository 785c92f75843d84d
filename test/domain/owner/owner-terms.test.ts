import { expect, test } from "vitest";
import {
  carrierOf,
  confinementOf,
  namesMagicDns,
  type OwnerTerms,
  tunnelOf,
} from "../../../src/domain/owner/owner-terms.ts";

test("what others announce takes no more of the node's traffic than its owner let it", () => {
  const uses = ["none", "allButLan", "all"] as const;
  expect(uses.map((use) => confinementOf(true, use))).toEqual(["none", "none", "none"]);
  expect(uses.map((use) => confinementOf(false, use))).toEqual(["toTailnet", "behindMain", "none"]);
});

test("tailscaled's interface is the one with the node's tailnet address, whatever its name", () => {
  const links = [
    { name: "eth0", mtu: 1500, addresses: ["10.0.0.7"] },
    { name: "wan-tun", mtu: 1400, addresses: ["100.64.0.7", "fd7a:115c:a1e0::7"] },
  ];
  expect(tunnelOf({ addresses: ["100.64.0.7"], links })).toEqual({ name: "wan-tun", mtu: 1400 });
  expect(tunnelOf({ addresses: ["fd7a:115c:a1e0::7"], links })).toEqual({ name: "wan-tun", mtu: 1400 });
  expect(tunnelOf({ addresses: ["100.64.0.8"], links })).toBeUndefined();
  expect(tunnelOf({ addresses: [], links })).toBeUndefined();
});

test.each([
  [["nameserver 100.100.100.100"], true],
  [["nameserver 127.0.0.53\n", "# kept by resolved\n  nameserver\t fd7a:115c:a1e0::53\noptions edns0"], true],
  [["# nameserver 100.100.100.100", "search 100.100.100.100\nnameserver 10.0.0.1"], false],
  [[], false],
])("resolv.confs %j name tailscaled's resolver: %s", (texts, named) => {
  expect(namesMagicDns(texts)).toBe(named);
});

test("the guard has what is known of it, and of one that nothing is known of it changes nothing", () => {
  const terms: OwnerTerms = {
    tunnel: { name: "wan-tun", mtu: 1400 },
    addresses: ["100.64.0.7"],
    confineTable52: "toTailnet",
    magicDns: true,
    netfilter: "on",
    elsewhere: true,
  };
  const { addresses: _addresses, netfilter: _netfilter, ...known } = terms;
  expect(carrierOf(terms, 1280)).toEqual({ kind: "host", ...known });
  const unknown = { tunnel: { name: "tailscale0", mtu: 1280 }, confineTable52: "none", magicDns: false };
  expect(carrierOf(null, 1280)).toEqual({ kind: "host", ...unknown, elsewhere: false });
});
