import {
  brokenTable,
  brokenWishes,
  foreign,
  leftovers,
  servicesElsewhere,
  sysctls,
} from "../guard/guard-broken.ts";
import type { BrokenInvariant, NamespaceObservation } from "../guard/guard-observation.ts";
import { podRouteWishes } from "../guard/guard-pod-routes.ts";
import type { HostGuard } from "../guard/guard-settings.ts";
import type { KernelSnapshot } from "../kernel/kernel-state.ts";
import { hostTable } from "./host-table.ts";
import { hostWishes } from "./host-wishes.ts";

/** What is broken beside the node's own tailscaled, in the order of mending. There is no other namespace. */
export function brokenOnHost(settings: HostGuard, node: NamespaceObservation): readonly BrokenInvariant[] {
  const services = servicesElsewhere(settings, node.kernel);
  const wishes = hostWishes(settings, routedFamilies(node.kernel));
  return [
    ...brokenTable("node", hostTable({ ...settings, services }), node),
    ...brokenWishes("node", [...wishes, ...podRouteWishes(settings, node.kernel)], node.kernel),
    ...leftovers("node", wishes, node.kernel),
    ...sysctls("node", settings, node),
    ...foreign(settings, node),
  ];
}

/** A kernel without IPv6 has no rules of it, and takes none. */
function routedFamilies({ rules }: KernelSnapshot): readonly (4 | 6)[] {
  return ([4, 6] as const).filter((family) => rules.some((rule) => rule.family === family));
}
