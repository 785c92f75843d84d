import fc from "fast-check";
import { addressAt, parsePrefix, prefixSize } from "../../../src/domain/addresses/prefix.ts";
import type { HostGuard, Table52Confinement } from "../../../src/domain/guard/guard-settings.ts";
import { desiredHostState } from "../../../src/domain/host-guard/host-desired-state.ts";
import type {
  KernelOperation,
  KernelRouteRequest,
  KernelRule,
} from "../../../src/domain/kernel/kernel-state.ts";
import { addressInside } from "../../support/kernel/address-bits.ts";
import type { RoutedNamespace } from "../../support/kernel/policy-routing.ts";
import { elsewhere, type HostNode, hostNodes, nodesElsewhere } from "./host-nodes.ts";
import { type OwnerRouting, table52, tailscaledRules } from "./owner-tailscaled.ts";

/** What the owner's preferences were, before RouteAll was ours to set. */
export interface Owner extends Omit<OwnerRouting, "routeAll"> {
  readonly acceptedRoutes: boolean;
}

/** A node, where its pods are, what is asked for there, and what members announce. */
export interface RoutedNode {
  readonly settings: HostGuard;
  readonly own: readonly string[];
  readonly supernets: readonly string[];
  readonly pods: readonly KernelRouteRequest[];
  readonly destinations: readonly string[];
  readonly announcements: readonly string[];
}

const uplink = { type: "unicast", table: 254, protocol: 2, metric: 0, link: "up0" } as const;
/** The node's own networks. */
export const networks = ["192.168.77.0/24", "172.17.0.0/16", "fd77::/64"];
/** Before us: by default to the LAN's router, and one of its routes reaches into the pods' supernet. */
export const ownersMain: readonly KernelRouteRequest[] = [
  ...["0.0.0.0/0", "192.168.77.0/24", "172.30.0.0/16", "10.244.64.0/18"].map((destination) => ({
    ...{ ...uplink, family: 4 as const, destination },
  })),
  ...["::/0", "fd77::/64", "2001:db8:30::/48", "fd00:40::/32"].map((destination) => ({
    ...{ ...uplink, family: 6 as const, destination },
  })),
  { ...uplink, family: 4, destination: "172.17.0.0/16", link: "docker0" },
];
export const kernelRules: readonly KernelRule[] = ([4, 6] as const).flatMap((family) => [
  { family, priority: 0, table: 255 },
  { family, priority: 32_766, table: 254 },
  { family, priority: 32_767, table: 253 },
]);

const outside = [
  ...["10.9.9.9", "100.64.0.2", "100.100.100.100", "192.168.77.9", "172.17.0.2", "172.30.0.1", "192.0.2.7"],
  ...["198.51.100.7", "fd7a:115c:a1e0::2", "fd77::9", "2001:db8:30::1", "2001:db8::7", "2001:db8:9::7"],
];
/** What a rogue may announce on any node. */
const announcedOutside = [
  ...["192.168.77.0/24", "172.17.0.0/16", "198.51.100.0/24", "0.0.0.0/1", "10.0.0.0/8"],
  ...["fd77::/64", "2001:db8:9::/48", "fc00::/7"],
];

function routed({ settings, terms: { own, supernets, believed }, places }: HostNode): RoutedNode {
  const known = Object.values(places).flat();
  const pods = known.flatMap(({ address, link }): readonly KernelRouteRequest[] => {
    if (link === undefined || !own.some((prefix) => addressInside(address, prefix))) return [];
    const family = address.includes(":") ? 6 : 4;
    return [{ ...uplink, family, destination: `${address}/${family === 4 ? 32 : 128}`, link }];
  });
  const empty = own.map((prefix) => addressAt(parsePrefix(prefix), prefixSize(parsePrefix(prefix)) - 3n));
  const others = known.flatMap(({ address, self }) => (self === true ? [] : [address]));
  return {
    ...{ settings, own, supernets, pods },
    destinations: [...others, ...empty, "10.244.64.7", "fd00:40::7", ...outside],
    announcements: [...believed, ...own, ...supernets, ...announcedOutside],
  };
}

export const fullNode = routed(hostNodes.whole);
export const nodeElsewhere = routed(nodesElsewhere.whole);
/** The configuration has no supernet that overlaps the tailnet's range. */
export const anyRouted: fc.Arbitrary<RoutedNode> = fc
  .tuple(hostNodes.any, fc.boolean())
  .filter(([{ terms }]) => !terms.supernets.some((supernet) => addressInside("fd7a:115c:a1e0::2", supernet)))
  .map(([node, isElsewhere]) => routed(isElsewhere ? elsewhere(node) : node));

export function ownersOf({ announcements }: RoutedNode): readonly Owner[] {
  return [true, false].flatMap((acceptedRoutes) =>
    (["none", "withLan", "withoutLan"] as const).flatMap((exitNode) =>
      [announcements, []].flatMap((announced) =>
        [true, false].map((running) => ({ acceptedRoutes, exitNode, announced, running })),
      ),
    ),
  );
}

export function anyOwner({ announcements }: RoutedNode): fc.Arbitrary<Owner> {
  return fc.record({
    acceptedRoutes: fc.boolean(),
    exitNode: fc.constantFrom("none", "withLan", "withoutLan"),
    announced: fc.subarray([...announcements]),
    running: fc.boolean(),
  });
}

export function confinementFor({ acceptedRoutes, exitNode }: Owner): Table52Confinement {
  if (acceptedRoutes || exitNode === "withoutLan") return "none";
  return exitNode === "withLan" ? "behindMain" : "toTailnet";
}

/** What the guard makes of routing there. */
export function ours({ settings }: RoutedNode, owner: Owner): readonly KernelOperation[] {
  const carrier = { ...settings.carrier, confineTable52: confinementFor(owner) };
  return desiredHostState({ ...settings, carrier }, [4, 6]).map(({ operation }) => operation);
}

/** The node as its owner had it. */
export function before({ acceptedRoutes, ...owner }: Owner): RoutedNamespace {
  return {
    rules: [...kernelRules, ...tailscaledRules],
    routes: [...ownersMain, ...table52({ ...owner, routeAll: acceptedRoutes }, networks)],
  };
}

/** With pods, what the guard made, and RouteAll. */
export function after(
  { pods }: RoutedNode,
  owner: Owner,
  operations: readonly KernelOperation[],
): RoutedNamespace {
  return {
    rules: [
      ...kernelRules,
      ...tailscaledRules,
      ...operations.flatMap((operation) => (operation.op === "rule.add" ? [operation.rule] : [])),
    ],
    routes: [
      ...ownersMain,
      ...pods,
      ...operations.flatMap((operation) => (operation.op === "route.replace" ? [operation.route] : [])),
      ...table52({ ...owner, routeAll: true }, networks),
    ],
  };
}
