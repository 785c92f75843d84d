import { parsePrefix } from "../addresses/prefix.ts";
import { type DesiredObject, refusedInMain, routersOn, rule } from "../guard/desired-state.ts";
import { familySettings, type HostCarrier, type HostGuard } from "../guard/guard-settings.ts";
import { hostRulePriority, mainTable, tailnetRange, tailscaleTable } from "../kernel/kernel-constants.ts";

/**
 * The node's namespace beside its own tailscaled, in the order of making: what refuses comes before what leads to tailscaled's table.
 * Router addresses stand on loopback: on another link tailscaled would tell peers to send to them. `routed`: families of the kernel.
 */
export function desiredHostState(settings: HostGuard, routed: readonly (4 | 6)[]): readonly DesiredObject[] {
  const families = familySettings(settings);
  return [
    ...families.flatMap(refusedInMain),
    ...families.flatMap((family) => routersOn("lo", family)),
    ...families.flatMap(({ family, ownPrefixes }) =>
      ownPrefixes.map((destination) =>
        rule("node.ownRule", {
          ...{ family, destination, table: mainTable, priority: hostRulePriority.ownPrefixToMain },
        }),
      ),
    ),
    ...families.flatMap(({ family, supernets }) =>
      supernets.flatMap((destination) => supernetRules(family, destination, settings.carrier)),
    ),
    ...routed.flatMap((family) => confinement(family, settings.carrier)),
  ];
}

/**
 * Of tailscaled's table only routes within the supernet lead to pods: neither an exit node nor a wider route of the owner's has any. Those
 * of another tailnet lead to none of ours.
 */
function supernetRules(
  family: 4 | 6,
  destination: string,
  { elsewhere }: HostCarrier,
): readonly DesiredObject[] {
  const unreachable = rule("node.supernetRule", {
    ...{ family, destination, table: 0, priority: hostRulePriority.supernetUnreachable },
    action: "unreachable",
  });
  if (elsewhere) return [unreachable];
  return [
    unreachable,
    rule("node.supernetRule", {
      ...{ family, destination, table: tailscaleTable, priority: hostRulePriority.supernetToTable52 },
      suppressPrefixLength: parsePrefix(destination).length - 1,
    }),
  ];
}

/** In both families, whatever pods have: RouteAll takes routes of both. The `goto` does nothing before its target is there. */
function confinement(family: 4 | 6, { confineTable52 }: HostCarrier): readonly DesiredObject[] {
  switch (confineTable52) {
    case "none":
      return [];
    case "behindMain":
      return [
        rule("node.table52", {
          ...{ family, table: mainTable, priority: hostRulePriority.mainBeforeTable52 },
          suppressPrefixLength: 0,
        }),
      ];
    case "toTailnet":
      return [
        rule("node.table52", {
          ...{ family, table: 0, priority: hostRulePriority.behindTable52, action: "nop" },
        }),
        rule("node.table52", {
          ...{ family, destination: tailnetRange[family], table: tailscaleTable },
          priority: hostRulePriority.tailnetToTable52,
        }),
        rule("node.table52", {
          ...{ family, table: 0, priority: hostRulePriority.pastTable52 },
          goto: hostRulePriority.behindTable52,
        }),
      ];
    default: {
      const unhandled: never = confineTable52;
      return unhandled;
    }
  }
}
