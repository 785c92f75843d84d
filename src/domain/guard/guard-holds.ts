import type {
  KernelLink,
  KernelOperation,
  KernelRoute,
  KernelRouteRequest,
  KernelRule,
  KernelSnapshot,
} from "../kernel/kernel-state.ts";

/** Whether the snapshot is already as the operation would make it. */
export function holds(operation: KernelOperation, snapshot: KernelSnapshot): boolean {
  switch (operation.op) {
    case "link.addVeth":
      return findLink(snapshot, operation.link)?.kind === "veth";
    case "link.up":
      return findLink(snapshot, operation.link)?.up === true;
    case "link.remove":
      return findLink(snapshot, operation.link) === undefined;
    case "address.add":
      return hasAddress(snapshot, operation);
    case "address.remove":
      return !hasAddress(snapshot, operation);
    case "route.replace":
      return snapshot.routes.some((route) => sameRoute(operation.route, route, snapshot));
    case "route.remove":
      return !snapshot.routes.some((route) => sameRoute(operation.route, route, snapshot));
    case "rule.add":
      return snapshot.rules.some((rule) => sameRule(operation.rule, rule));
    case "rule.remove":
      return !snapshot.rules.some((rule) => sameRule(operation.rule, rule));
    default: {
      const unhandled: never = operation;
      return unhandled;
    }
  }
}

export function findLink(snapshot: KernelSnapshot, name: string): KernelLink | undefined {
  return snapshot.links.find((link) => link.name === name);
}

/** Gateway and preferred source count only where the request names them. */
function sameRoute(request: KernelRouteRequest, route: KernelRoute, snapshot: KernelSnapshot): boolean {
  if (request.type === "unicast") {
    const link = request.link === undefined ? undefined : findLink(snapshot, request.link);
    if (link?.index !== route.linkIndex) return false;
    if (request.gateway !== undefined && request.gateway !== route.gateway) return false;
    if (request.preferredSource !== undefined && request.preferredSource !== route.preferredSource)
      return false;
  }
  return (
    request.family === route.family &&
    request.type === route.type &&
    request.destination === route.destination &&
    request.table === route.table &&
    request.metric === route.metric &&
    request.protocol === route.protocol
  );
}

/** The kernel itself does not tell rules apart by protocol (net/core/fib_rules.c, rule_exists), so neither is it here. */
export function sameRule(wanted: KernelRule, rule: KernelRule): boolean {
  return (
    wanted.family === rule.family &&
    wanted.priority === rule.priority &&
    wanted.table === rule.table &&
    wanted.action === rule.action &&
    wanted.goto === rule.goto &&
    wanted.suppressPrefixLength === rule.suppressPrefixLength &&
    wanted.source === rule.source &&
    wanted.destination === rule.destination &&
    (wanted.mark ?? 0) === (rule.mark ?? 0)
  );
}

function hasAddress(
  snapshot: KernelSnapshot,
  wanted: { readonly link: string; readonly address: string; readonly prefixLength: number },
): boolean {
  const link = findLink(snapshot, wanted.link);
  return (
    link !== undefined &&
    snapshot.addresses.some(
      (found) =>
        found.linkIndex === link.index &&
        found.address === wanted.address &&
        found.prefixLength === wanted.prefixLength,
    )
  );
}
