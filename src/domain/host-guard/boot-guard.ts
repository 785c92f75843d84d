import type { NamespaceObservation, Repair } from "../guard/guard-observation.ts";
import { findBroken } from "../guard/guard-plan.ts";
import type { HostCarrier, HostGuard } from "../guard/guard-settings.ts";
import { loadTable } from "../nftables/nft-table.ts";
import { nobodyBelieved } from "../tailnet/believed-prefixes.ts";
import { hostAllowlist } from "./host-allowlist.ts";

/**
 * What stands before tailscaled's first packet after a boot, by the configuration and what the state directory remembers of the owner's
 * tailscaled: RouteAll outlives us, so must the rules that confine it. With Kubernetes (`allowlist`) nothing of the tailnet is
 * believed until the daemon hears of it, as headcni-wire begins; without, there is no allowlist. Forwarding waits for the daemon, too, and
 * so do the addresses of Services: the node has none of its own yet by which a prefix shows that it holds its LAN, and no pod runs.
 */
export function bootRepairs(
  shared: Omit<HostGuard, "carrier" | "services">,
  remembered: Omit<HostCarrier, "kind">,
  node: NamespaceObservation,
  allowlist: boolean,
): readonly Repair[] {
  const settings: HostGuard = { ...shared, services: [], carrier: { kind: "host", ...remembered } };
  const document = loadTable(hostAllowlist(settings, nobodyBelieved));
  return [
    ...(allowlist
      ? [{ kind: "firewall", namespace: "node", changes: [{ tool: "nft", document }] } as const]
      : []),
    ...findBroken(settings, { node })
      .flatMap(({ repairs }) => repairs)
      .filter(({ kind }) => kind !== "sysctls"),
  ];
}
