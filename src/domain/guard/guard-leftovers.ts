import { parsePrefix, routerAddress } from "../addresses/prefix.ts";
import { hostRulePriority, mainTable, routeProtocol, tailscaleTable } from "../kernel/kernel-constants.ts";
import type {
  KernelOperation,
  KernelRoute,
  KernelRouteRequest,
  KernelSnapshot,
} from "../kernel/kernel-state.ts";
import type { DesiredObject } from "./desired-state.ts";
import { holds, sameRule } from "./guard-holds.ts";

/**
 * Removes what carries our protocol number, or stands on our end of the veth, and is not desired: the remains of an
 * earlier configuration. Pods' host routes are not looked at, nor what the routes machine put back into tailscaled's table.
 */
export function removeLeftovers(
  snapshot: KernelSnapshot,
  desired: readonly DesiredObject[],
  linkName: string,
): readonly KernelOperation[] {
  const operations = desired.map(({ operation }) => operation);
  const rules = snapshot.rules
    .filter((rule) => rule.protocol === routeProtocol)
    .filter(
      (rule) =>
        !operations.some((operation) => operation.op === "rule.add" && sameRule(operation.rule, rule)),
    )
    // The others lead to tailscaled's table what a `goto` leads past it.
    .toSorted((a, b) => Number(b.goto !== undefined) - Number(a.goto !== undefined))
    .map((rule): KernelOperation => ({ op: "rule.remove", rule }));
  const routes = snapshot.routes
    .filter(
      (route) => route.protocol === routeProtocol && route.table !== tailscaleTable && !isPodRoute(route),
    )
    .filter(
      (route) =>
        !operations.some(
          (operation) => operation.op === "route.replace" && takesPlaceOf(operation.route, route),
        ),
    )
    .map((route): KernelOperation => ({ op: "route.remove", route: routeRequest(route, snapshot) }));
  return [
    ...removeRouters(snapshot, rules, operations),
    ...rules,
    ...routes,
    ...removeAddresses(snapshot, operations, linkName),
  ];
}

/** On loopback, which has addresses of others, ours are told by the rule of their prefix. So the rule goes after them. */
function removeRouters(
  snapshot: KernelSnapshot,
  removals: readonly KernelOperation[],
  operations: readonly KernelOperation[],
): readonly KernelOperation[] {
  return removals.flatMap((removal): readonly KernelOperation[] => {
    if (removal.op !== "rule.remove" || removal.rule.priority !== hostRulePriority.ownPrefixToMain) return [];
    const { destination, family } = removal.rule;
    if (destination === undefined) return [];
    const address = routerAddress(parsePrefix(destination));
    const place = { link: "lo", address, prefixLength: family === 4 ? 32 : 128 };
    const stays =
      operations.some(
        (operation) =>
          operation.op === "address.add" && operation.link === "lo" && operation.address === address,
      ) || holds({ op: "address.remove", ...place }, snapshot);
    return stays ? [] : [{ op: "address.remove", ...place }];
  });
}

/** Replacing goes by destination and metric (RTM_NEWROUTE with NLM_F_REPLACE), whatever else differs. */
function takesPlaceOf(wanted: KernelRouteRequest, route: KernelRoute): boolean {
  return (
    wanted.family === route.family &&
    wanted.destination === route.destination &&
    wanted.table === route.table &&
    wanted.metric === route.metric
  );
}

/** A pod's host route: one address, in main, through a link. */
function isPodRoute(route: KernelRoute): boolean {
  return (
    route.table === mainTable &&
    route.type === "unicast" &&
    route.destination.endsWith(route.family === 4 ? "/32" : "/128")
  );
}

/** An observed route as a request that names the same route. */
function routeRequest(route: KernelRoute, snapshot: KernelSnapshot): KernelRouteRequest {
  const { linkIndex, ...rest } = route;
  const link = snapshot.links.find(({ index }) => index === linkIndex);
  return link === undefined || route.type !== "unicast" ? rest : { ...rest, link: link.name };
}

function removeAddresses(
  snapshot: KernelSnapshot,
  operations: readonly KernelOperation[],
  linkName: string,
): readonly KernelOperation[] {
  const link = snapshot.links.find(({ name }) => name === linkName);
  if (link === undefined) return [];
  return snapshot.addresses
    .filter(({ linkIndex }) => linkIndex === link.index)
    .filter(({ address }) => !address.startsWith("fe80:"))
    .filter(
      ({ address, prefixLength }) =>
        !operations.some(
          (operation) =>
            operation.op === "address.add" &&
            operation.link === linkName &&
            operation.address === address &&
            operation.prefixLength === prefixLength,
        ),
    )
    .map(({ address, prefixLength }) => ({ op: "address.remove", link: linkName, address, prefixLength }));
}
