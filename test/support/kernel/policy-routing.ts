import type { KernelRoute, KernelRouteRequest, KernelRule } from "../../../src/domain/kernel/kernel-state.ts";
import { addressInside } from "./address-bits.ts";

/** What routing knows of a namespace; a route names its link. */
export interface RoutedNamespace {
  /** In order of priority, and of being added. */
  readonly rules: readonly KernelRule[];
  readonly routes: readonly KernelRouteRequest[];
}

/** Where a packet goes: the name of a link, or why nowhere. */
export type Way = { readonly link: string } | "unreachable" | "no route";

export interface RoutedPacket {
  readonly family: 4 | 6;
  readonly destination: string;
  readonly mark?: number;
}

/**
 * Policy routing by ip-rule(8), independently of the kernel: rules one after the other, of a table the longest prefix. What a rule suppresses,
 * and a `throw`, is as if the table had nothing; a refusal ends the search (net/core/fib_rules.c, fib_rules_lookup). Knows no sources.
 */
export function wayOf({ rules, routes }: RoutedNamespace, packet: RoutedPacket): Way {
  const crossed = rules
    .filter(({ family }) => family === packet.family)
    .toSorted((one, other) => one.priority - other.priority);
  let at = 0;
  while (at < crossed.length) {
    const rule = crossed[at];
    at += 1;
    if (rule === undefined || !applies(rule, packet)) continue;
    if (rule.action === "unreachable") return "unreachable";
    if (rule.action === "nop") continue;
    if (rule.goto !== undefined) {
      const target = crossed.findIndex(({ priority }) => priority === rule.goto);
      if (target >= at) at = target;
      continue;
    }
    const way = inTable(rule, routes, packet);
    if (way !== undefined) return way;
  }
  return "no route";
}

function applies({ destination, mark = 0, mask = 0xffffffff }: KernelRule, packet: RoutedPacket): boolean {
  if (mark !== 0 && ((packet.mark ?? 0) & mask) >>> 0 !== mark) return false;
  return destination === undefined || addressInside(packet.destination, destination);
}

function inTable(
  { table, suppressPrefixLength = -1 }: KernelRule,
  routes: readonly KernelRouteRequest[],
  packet: RoutedPacket,
): Way | undefined {
  const [found] = routes
    .filter((route) => route.family === packet.family && route.table === table)
    .filter(({ destination }) => addressInside(packet.destination, destination))
    .toSorted(
      (one, other) => lengthOf(other.destination) - lengthOf(one.destination) || one.metric - other.metric,
    );
  if (found === undefined || found.type === "throw") return undefined;
  if (isRefusal(found.type)) return "unreachable";
  return lengthOf(found.destination) <= suppressPrefixLength ? undefined : { link: found.link ?? "lo" };
}

function isRefusal(type: KernelRoute["type"]): boolean {
  return ["unreachable", "blackhole", "prohibit"].includes(type);
}

function lengthOf(prefix: string): number {
  return Number(prefix.split("/")[1]);
}
