import { hostPrefix, parseAddress } from "../addresses/prefix.ts";
import { parseLinkAlias } from "../attachment/link-alias.ts";
import { attachmentLinkGroup, mainTable, podRouteMetric, routeProtocol } from "../kernel/kernel-constants.ts";
import type { KernelSnapshot } from "../kernel/kernel-state.ts";
import { type DesiredObject, route } from "./desired-state.ts";
import { familySettings, type GuardSettings } from "./guard-settings.ts";

/**
 * The host route of every attached pod. Deleting the router address, or the link it stands on, makes the kernel drop
 * every route that prefers it as source (net/ipv4/fib_semantics.c, fib_sync_down_addr): all pods of the node at once.
 */
export function desiredPodRoutes(
  settings: GuardSettings,
  snapshot: KernelSnapshot,
): readonly DesiredObject[] {
  const families = familySettings(settings);
  return snapshot.links
    .filter(({ group, up }) => group === attachmentLinkGroup && up)
    .flatMap((link) => {
      const alias = parseLinkAlias(link.alias);
      if (alias?.state !== "ready") return [];
      return alias.addresses.flatMap((address) => {
        const { family } = parseAddress(address);
        const router = families.find((settingsOf) => settingsOf.family === family)?.router;
        if (router === undefined) return [];
        return [
          route("node.podRoutes", {
            family,
            type: "unicast",
            destination: hostPrefix(address),
            table: mainTable,
            metric: podRouteMetric,
            protocol: routeProtocol,
            link: link.name,
            preferredSource: router,
            scope: family === 4 ? "link" : "universe",
          }),
        ];
      });
    });
}
