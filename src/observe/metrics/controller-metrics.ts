import type { Registry } from "prom-client";
import { counterOf, gaugeOf } from "./metrics.ts";

/** What the controller can tell about itself when somebody scrapes; each function is cheap and does not throw. */
export interface ControllerSources {
  leads(): boolean;
  nodes(): readonly { readonly verdict: string; readonly count: number }[];
  /** Prefixes that are announced inside the pods' supernets by machines to which they do not belong. */
  strangers(): number;
  /** Since this controller leads. */
  done(): Readonly<Record<"granted" | "revoked" | "removed", number>>;
}

export function registerControllerMetrics(registry: Registry, sources: ControllerSources): void {
  gaugeOf(registry, {
    name: "headcni_controller_leading",
    help: "1 on the controller that holds the Lease.",
    labelNames: [],
    read: () => [[{}, sources.leads() ? 1 : 0]],
  });
  gaugeOf(registry, {
    name: "headcni_controller_nodes",
    help: "Nodes by what their routes wait for; all 0 on a controller that does not lead.",
    labelNames: ["state"],
    read: () => sources.nodes().map(({ verdict, count }) => [{ state: verdict }, count]),
  });
  gaugeOf(registry, {
    name: "headcni_controller_stranger_prefixes",
    help: "Prefixes announced inside the pods' supernets by machines to which they do not belong; none is approved.",
    labelNames: [],
    read: () => [[{}, sources.strangers()]],
  });
  counterOf(registry, {
    name: "headcni_controller_changes_total",
    help: "Routes granted and revoked, and machines removed, since this controller leads.",
    labelNames: ["change"],
    read: () => Object.entries(sources.done()).map(([change, count]) => [{ change }, count]),
  });
}
