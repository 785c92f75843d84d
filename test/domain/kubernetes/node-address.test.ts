import { describe, expect, it } from "vitest";
import {
  addressWay,
  type NodeAddress,
  type NodeAddressing,
  publishedAddresses,
  withoutRouterAddresses,
  withRouterAddresses,
} from "../../../src/domain/kubernetes/node-address.ts";

const supernets = ["10.244.0.0/16", "fd00:10:244::/48"];
const routers = ["10.244.1.1"];
const of = (type: string, ...addresses: readonly string[]): readonly NodeAddress[] =>
  addresses.map((address) => ({ type, address }));
const host = of("Hostname", "n1");
const node = (addresses: readonly NodeAddress[], replaced: string | null = null): NodeAddressing => ({
  ...{ addresses, replaced, annotated: true, uninitializedAt: -1 },
});

describe("a Node gets its tailnet addresses", () => {
  it.each([
    ["kubelet wrote its own", [...of("InternalIP", "192.0.2.7"), ...host], null, "192.0.2.7"],
    ["kubelet wrote none, for want of --node-ip", host, null, ""],
    ["it has none at all", [], null, ""],
    ["of both families", of("InternalIP", "192.0.2.7", "2001:db8::7"), null, "192.0.2.7,2001:db8::7"],
    ["others wrote over them", of("InternalIP", "192.0.2.9"), "192.0.2.7", "192.0.2.9"],
    ["it has those of the pod CIDR before", of("InternalIP", "10.244.9.1"), "192.0.2.7", "192.0.2.7"],
    ["it has those of the other family", of("InternalIP", "fd00:10:244:9::1"), "192.0.2.7", "192.0.2.7"],
    ["somebody removed the annotation", of("InternalIP", "10.244.1.1"), null, ""],
    ["somebody wrote what is no address", of("InternalIP", "worker-1"), null, "worker-1"],
  ])("where %s", (_, addresses, before, replaced) => {
    expect(withRouterAddresses(node(addresses, before), routers, supernets)).toEqual({
      addresses: [
        ...of("InternalIP", "10.244.1.1"),
        ...addresses.filter(({ type }) => type !== "InternalIP"),
      ],
      replaced,
    });
  });

  it("first, and all its other addresses stay as they are", () => {
    const others = [...of("ExternalIP", "203.0.113.7"), ...host, ...of("InternalDNS", "n1.lan")];
    const before = [...others.slice(0, 1), ...of("InternalIP", "192.0.2.7"), ...others.slice(1)];
    const both = ["fd00:10:244:1::1", "10.244.1.1"];
    const published = withRouterAddresses(node(before), both, supernets);
    expect(published).toEqual({
      addresses: [...of("InternalIP", ...both), ...others],
      replaced: "192.0.2.7",
    });
  });
});

describe("a Node gets its own addresses back", () => {
  it.each([
    ["as they were", of("InternalIP", "10.244.1.1"), "192.0.2.7,2001:db8::7", ["192.0.2.7", "2001:db8::7"]],
    ["none where it had none", of("InternalIP", "10.244.1.1"), "", []],
    ["as others wrote them meanwhile", of("InternalIP", "192.0.2.9"), "192.0.2.7", ["192.0.2.9"]],
    [
      "without one that is left of ours",
      of("InternalIP", "192.0.2.9", "10.244.1.1"),
      "192.0.2.7",
      ["192.0.2.9"],
    ],
  ])("%s", (_, now, replaced, addresses) => {
    expect(withoutRouterAddresses(node([...now, ...host], replaced), supernets)).toEqual({
      addresses: [...of("InternalIP", ...addresses), ...host],
      replaced: null,
    });
  });

  it("of all kinds, in the order in which kubelet writes them", () => {
    const before = [...of("InternalIP", "192.0.2.7"), ...host, ...of("ExternalIP", "203.0.113.7")];
    const published = withRouterAddresses(node(before), routers, supernets);
    expect(withoutRouterAddresses(published, supernets)).toEqual({ addresses: before, replaced: null });
  });
});

describe("the addresses of a node", () => {
  const inForce = ["10.244.1.0/24", "fd00:10:244:1::/64"];
  it.each([
    ["the order of the Node's pod CIDRs", inForce.toReversed(), ["fd00:10:244:1::1", "10.244.1.1"]],
    ["IPv4 first where the Node has other pod CIDRs", ["fd00:10:244:9::/64", "10.244.1.0/24"], undefined],
    ["IPv4 first where the Node has none", [], undefined],
  ])("come in %s", (_, onNode, expected = ["10.244.1.1", "fd00:10:244:1::1"]) => {
    expect(publishedAddresses(inForce, onNode)).toEqual(expected);
  });
});

describe("what is to be done", () => {
  const all = {
    publishes: true,
    supernets,
    routers,
    reachable: true,
    node: node(host) as NodeAddressing | null,
  };
  const own = of("InternalIP", "10.244.1.1");
  const way = (more: Partial<typeof all>) => addressWay({ ...all, ...more });

  it("is to publish once the node has addresses, others reach them, and there is a Node", () => {
    expect(way({})).toBe("publish");
    expect(way({ reachable: false })).toBe("awaitingNetwork");
    expect(way({ routers: [] })).toBe("awaitingNetwork");
    expect(way({ node: null })).toBe("awaitingNetwork");
  });

  it("is to take the taint away after that, and nothing then, also while nobody is reached", () => {
    expect(way({ node: { ...node(own, ""), uninitializedAt: 0 } })).toBe("initialize");
    expect(way({ node: node(own, "") })).toBe("published");
    expect(way({ node: node(own, "192.0.2.7"), reachable: false })).toBe("published");
    expect(way({ node: node([...own, ...of("InternalIP", "10.244.9.1")], "") })).toBe("publish");
  });

  it("is to publish again where the pod CIDR changed, the Node was made anew, or the annotation is gone", () => {
    expect(way({ node: node(of("InternalIP", "10.244.9.1"), "192.0.2.7") })).toBe("publish");
    expect(way({ node: node(of("InternalIP", "192.0.2.7")) })).toBe("publish");
    expect(way({ node: node(own) })).toBe("publish");
  });

  it("is to yield to others who wrote over ours", () => {
    expect(way({ node: node(of("InternalIP", "192.0.2.7"), "192.0.2.7") })).toBe("overruled");
    expect(way({ node: node([...own, ...of("InternalIP", "192.0.2.7")], "192.0.2.7") })).toBe("overruled");
    expect(way({ node: node(host, "192.0.2.7"), reachable: false })).toBe("overruled");
  });

  it("is to take back what is there of ours when it is not wanted any more, and only that", () => {
    const publishes = false;
    expect(way({ publishes, node: node(own, "") })).toBe("withdraw");
    expect(way({ publishes, node: node(of("InternalIP", "192.0.2.7"), "x"), routers: [] })).toBe("withdraw");
    expect(way({ publishes })).toBe("off");
    expect(way({ publishes, node: null })).toBe("off");
    expect(way({ publishes, node: { ...node(host), uninitializedAt: 0 } })).toBe("off");
  });
});
