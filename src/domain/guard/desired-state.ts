import {
  mainTable,
  routeProtocol,
  rulePriority,
  tailnetLink,
  tailnetTable,
  unreachableMetric,
} from "../kernel/kernel-constants.ts";
import type { KernelOperation, KernelRouteRequest, KernelRule } from "../kernel/kernel-state.ts";
import type { GuardInvariant } from "./guard-invariants.ts";
import {
  anywhere,
  type FamilySettings,
  familySettings,
  linkAddresses,
  linkEnds,
  linkFamilies,
  type NamespaceGuard,
} from "./guard-settings.ts";

/** One thing that must be so, as the operation that makes it so. */
export interface DesiredObject {
  readonly invariant: GuardInvariant;
  readonly operation: KernelOperation;
}

/**
 * Headers around a packet in WireGuard over IPv6: IP 40, UDP 8, WireGuard 32; over IPv4 20 less (tailscale net/tstun/mtu.go,
 * wgHeaderLen).
 */
export const wireGuardOverhead = 80;
/** MTU of the veth: it carries tailscaled's UDP packets, not only pods'. */
const minLinkMtu = 1500;

/**
 * The node's namespace in the order of making: what refuses comes before what forwards, a source address before the
 * route that prefers it. Without `linked` (the tailnet namespace is not open yet) only what needs no veth.
 */
export function desiredNodeState(settings: NamespaceGuard, linked: boolean): readonly DesiredObject[] {
  const families = familySettings(settings);
  const link = tailnetLink.node;
  const refusals = families.flatMap((of) => [
    ...refusedInMain(of),
    // As wide as the route through the tailnet namespace: a narrower prefix would win against it whatever its metric.
    route("node.tailnetUnreachable", unreachable(of.family, anywhere[of.family], tailnetTable)),
  ]);
  const through: readonly DesiredObject[] = [
    { invariant: "node.link", operation: vethOperation(settings.carrier.tunnel) },
    { invariant: "node.link", operation: { op: "link.up", link } },
    ...linkAddresses(settings).map(
      ({ node, prefixLength }): DesiredObject => ({
        invariant: "node.linkAddress",
        operation: address(link, node, prefixLength),
      }),
    ),
    ...families.flatMap((of) => routersOn(link, of)),
    ...families.map(({ family, router }) =>
      route("node.tailnetRoute", {
        family,
        type: "unicast",
        destination: anywhere[family],
        table: tailnetTable,
        metric: plainMetric(family),
        protocol: routeProtocol,
        link,
        gateway: linkEnds(settings, family).tailnet,
        preferredSource: router,
      }),
    ),
  ];
  const rules = families.flatMap(({ family, ownPrefixes, supernets }) => [
    ...ownPrefixes.map((destination) =>
      rule("node.ownRule", {
        ...{ family, destination, table: mainTable, priority: rulePriority.ownPrefixToMain },
      }),
    ),
    ...supernets.map((destination) =>
      rule("node.supernetRule", {
        ...{ family, destination, table: tailnetTable, priority: rulePriority.supernetToTailnet },
      }),
    ),
  ]);
  return [...refusals, ...(linked ? through : []), ...rules];
}

/** The tailnet namespace in the order of making. The veth itself is desired on the node's side. */
export function desiredTailnetState(settings: NamespaceGuard): readonly DesiredObject[] {
  const families = familySettings(settings);
  const link = tailnetLink.tailnet;
  return [
    { invariant: "tailnet.link", operation: { op: "link.up", link: "lo" } },
    { invariant: "tailnet.link", operation: { op: "link.up", link } },
    ...families.flatMap(({ family, supernets }) =>
      supernets.map((supernet) => route("tailnet.unreachable", unreachable(family, supernet, mainTable))),
    ),
    ...linkAddresses(settings).map(
      ({ tailnet, prefixLength }): DesiredObject => ({
        invariant: "tailnet.linkAddress",
        operation: address(link, tailnet, prefixLength),
      }),
    ),
    ...linkFamilies(settings).map((family) =>
      route("tailnet.defaultRoute", viaNode(family, anywhere[family], linkEnds(settings, family).node)),
    ),
    ...families.flatMap(({ family, ownPrefixes }) =>
      ownPrefixes.flatMap((destination) => [
        route("tailnet.ownRoute", viaNode(family, destination, linkEnds(settings, family).node)),
        rule("tailnet.ownRule", {
          ...{ family, destination, table: mainTable, priority: rulePriority.ownPrefixToMain },
        }),
      ]),
    ),
  ];
}

/** The veth pair of the node and the tailnet namespace; `tunnel.mtu` is that of tailscaled's interface. */
export function vethOperation(tunnel: { readonly mtu: number }): KernelOperation {
  const { node: link, tailnet: peer } = tailnetLink;
  const mtu = Math.max(minLinkMtu, tunnel.mtu + wireGuardOverhead);
  return { op: "link.addVeth", link, peer, peerNamespace: "tailnet", mtu };
}

export function address(link: string, text: string, prefixLength: number): KernelOperation {
  return { op: "address.add", link, address: text, prefixLength };
}

export function route(invariant: GuardInvariant, request: KernelRouteRequest): DesiredObject {
  return { invariant, operation: { op: "route.replace", route: request } };
}

/** The refusal of a prefix that loses against every real route. */
export function unreachable(family: 4 | 6, destination: string, table: number): KernelRouteRequest {
  const fixed = { type: "unreachable", metric: unreachableMetric, protocol: routeProtocol } as const;
  return { family, destination, table, ...fixed };
}

/** A route of the tailnet namespace to the node. */
export function viaNode(family: 4 | 6, destination: string, gateway: string): KernelRouteRequest {
  const fixed = { type: "unicast", table: mainTable, protocol: routeProtocol } as const;
  const metric = plainMetric(family);
  return { family, destination, link: tailnetLink.tailnet, gateway, metric, ...fixed };
}

/** The kernel turns an IPv6 metric of 0 into 1024 (IP6_RT_PRIO_USER, include/uapi/linux/ipv6_route.h). */
function plainMetric(family: 4 | 6): number {
  return family === 4 ? 0 : 1024;
}

export function rule(invariant: GuardInvariant, wanted: Omit<KernelRule, "protocol">): DesiredObject {
  return { invariant, operation: { op: "rule.add", rule: { ...wanted, protocol: routeProtocol } } };
}

/** Main sends no pod packet unencrypted. */
export function refusedInMain({ family, supernets }: FamilySettings): readonly DesiredObject[] {
  return supernets.map((supernet) => route("node.unreachable", unreachable(family, supernet, mainTable)));
}

export function routersOn(link: string, { family, routers }: FamilySettings): readonly DesiredObject[] {
  const prefixLength = family === 4 ? 32 : 128;
  return routers.map((router) => ({
    invariant: "node.routerAddress",
    operation: address(link, router, prefixLength),
  }));
}
