import {
  brokenObjects,
  brokenTable,
  foreign,
  leftovers,
  servicesElsewhere,
  sysctls,
} from "../guard/guard-broken.ts";
import type { BrokenInvariant, NamespaceObservation } from "../guard/guard-observation.ts";
import { desiredPodRoutes } from "../guard/guard-pod-routes.ts";
import type { HostGuard } from "../guard/guard-settings.ts";
import type { KernelSnapshot } from "../kernel/kernel-state.ts";
import { desiredHostState } from "./host-desired-state.ts";
import { hostTable } from "./host-table.ts";

/** What is broken beside the node's own tailscaled, in the order of repair. There is no other namespace. */
export function brokenOnHost(settings: HostGuard, node: NamespaceObservation): readonly BrokenInvariant[] {
  const services = servicesElsewhere(settings, node.kernel);
  const desired = desiredHostState(settings, routedFamilies(node.kernel));
  return [
    ...brokenTable("node", hostTable({ ...settings, services }), node),
    ...brokenObjects("node", [...desired, ...desiredPodRoutes(settings, node.kernel)], node.kernel),
    ...leftovers("node", desired, node.kernel),
    ...sysctls("node", settings, node),
    ...foreign(settings, node),
  ];
}

/** A kernel without IPv6 has no rules of it, and takes none. */
function routedFamilies({ rules }: KernelSnapshot): readonly (4 | 6)[] {
  return ([4, 6] as const).filter((family) => rules.some((rule) => rule.family === family));
}
