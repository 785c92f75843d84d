import type { KernelRouteRequest, KernelRule } from "../../../src/domain/kernel/kernel-state.ts";

/** What the owner of a node has set in tailscaled, and whether we have set RouteAll besides. */
export interface OwnerRouting {
  readonly routeAll: boolean;
  readonly exitNode: "none" | "withLan" | "withoutLan";
  /** Prefixes that members announce. */
  readonly announced: readonly string[];
  readonly running: boolean;
}

const tunnel = { type: "unicast", table: 52, metric: 0, protocol: 3, link: "tailscale0" } as const;
const bypass = { mark: 0x80000, mask: 0xff0000 };
const familyOf = (prefix: string) => (prefix.includes(":") ? 6 : 4);
const everywhere = ["0.0.0.0/0", "::/0"];

/** tailscaled's own (wgengine/router/osrouter/router_linux.go, baseIPRules). They stay when it is killed, and go when it ends. */
export const tailscaledRules: readonly KernelRule[] = ([4, 6] as const).flatMap((family): KernelRule[] => [
  { family, priority: 5210, table: 254, ...bypass },
  { family, priority: 5230, table: 253, ...bypass },
  { family, priority: 5250, table: 0, action: "unreachable", ...bypass },
  { family, priority: 5270, table: 52 },
]);

/**
 * Table 52: peers, the resolver, what members announce if RouteAll is on, and with an exit node everything; the node's own networks then
 * in the tunnel, or thrown back for access to the LAN, of which an announced one takes the place (ipn/ipnlocal/local.go,
 * routerConfigLocked; router_linux.go, addRoute and addThrowRoute). Empty when tailscaled is gone: routes go with its link.
 */
export function table52(
  { routeAll, exitNode, announced, running }: OwnerRouting,
  networks: readonly string[],
): readonly KernelRouteRequest[] {
  if (!running) return [];
  const peers = ["100.64.0.2/32", "100.64.0.9/32", "100.100.100.100/32", "fd7a:115c:a1e0::/48"];
  const taken = routeAll ? announced : [];
  const through = [
    ...peers,
    ...taken,
    ...(exitNode === "none" ? [] : everywhere),
    ...(exitNode === "withoutLan" ? networks : []),
  ];
  const thrown = exitNode === "withLan" ? networks.filter((network) => !taken.includes(network)) : [];
  return [
    ...[...new Set(through)].map((destination) => ({
      ...tunnel,
      family: familyOf(destination) as 4 | 6,
      destination,
    })),
    ...thrown.map((destination) => ({
      ...{ family: familyOf(destination) as 4 | 6, type: "throw" as const, destination },
      ...{ table: 52, metric: 0, protocol: 3 },
    })),
  ];
}
