import type { Registry } from "prom-client";
import type { Readiness } from "../../domain/health-level.ts";
import { counterOf, gaugeOf } from "./metrics.ts";

/** What the daemon can tell about itself when somebody scrapes; each function is cheap and does not throw. */
export interface LiveSources {
  /** One per pod CIDR of this node. */
  pools(): readonly { readonly prefix: string; readonly size: number; readonly used: number }[];
  routes(): readonly { readonly prefix: string; readonly kind: "own" | "peer"; readonly state: string }[];
  /** Prefixes that are announced and no Node's. */
  strangers(): number;
  peerPaths(): readonly { readonly peer: string; readonly path: "direct" | "relay" | "none" }[];
  /** Repairs so far, by the name of the invariant that did not hold. */
  guardRepairs(): readonly { readonly invariant: string; readonly count: number }[];
  readiness(): Readiness;
  /** Whether the Node's InternalIP is this node's tailnet address; undefined where that is not wanted. */
  nodeAddressPublished(): boolean | undefined;
  /** Undefined where NetworkPolicies are not enforced. */
  policies(): PolicyCounts | undefined;
}

/** What is enforced of NetworkPolicies. */
export interface PolicyCounts {
  /** In force as written; an older word of it in force, or none; allowing nothing because it is over the limits. */
  readonly policies: Readonly<Record<"enforced" | "unreadable" | "refused", number>>;
  readonly isolated: number;
  readonly elements: number;
  /** Flows that policies ended so far. */
  readonly ended: number;
}

export function registerLiveMetrics(registry: Registry, sources: LiveSources): void {
  gaugeOf(registry, {
    name: "headcni_ip_pool_size",
    help: "Pod addresses this node can assign.",
    labelNames: ["prefix"],
    read: () => sources.pools().map(({ prefix, size }) => [{ prefix }, size]),
  });
  gaugeOf(registry, {
    name: "headcni_ip_pool_used",
    help: "Pod addresses in use; released addresses do not count.",
    labelNames: ["prefix"],
    read: () => sources.pools().map(({ prefix, used }) => [{ prefix }, used]),
  });
  gaugeOf(registry, {
    name: "headcni_route_state",
    help: "1 for the state each prefix's route is in.",
    labelNames: ["prefix", "kind", "state"],
    read: () => sources.routes().map(({ prefix, kind, state }) => [{ prefix, kind, state }, 1]),
  });
  gaugeOf(registry, {
    name: "headcni_stranger_prefixes",
    help: "Prefixes that tailnet members announce inside the pods' supernets and that are no Node's; headcni_route_state names at most 64.",
    labelNames: [],
    read: () => [[{}, sources.strangers()]],
  });
  gaugeOf(registry, {
    name: "headcni_peer_path",
    help: "1 for the current path to each peer.",
    labelNames: ["peer", "path"],
    read: () => sources.peerPaths().map(({ peer, path }) => [{ peer, path }, 1]),
  });
  counterOf(registry, {
    name: "headcni_guard_repairs_total",
    help: "Repairs by the guard of what others changed.",
    labelNames: ["invariant"],
    read: () => sources.guardRepairs().map(({ invariant, count }) => [{ invariant }, count]),
  });
  gaugeOf(registry, {
    name: "headcni_node_address_published",
    help: "1 while the Node's InternalIP is this node's tailnet address; only with kubernetes.publishNodeAddress.",
    labelNames: [],
    read: () => {
      const published = sources.nodeAddressPublished();
      return published === undefined ? [] : [[{}, published ? 1 : 0]];
    },
  });
  gaugeOf(registry, {
    name: "headcni_network_policies",
    help: "NetworkPolicies of the cluster: enforced as they are written, unreadable (what they said before stands), refused (over this node's limits: they allow nothing).",
    labelNames: ["state"],
    read: () =>
      Object.entries(sources.policies()?.policies ?? {}).map(([state, count]) => [{ state }, count]),
  });
  gaugeOf(registry, {
    name: "headcni_policy_isolated_addresses",
    help: "Addresses of this node's pods that NetworkPolicies isolate.",
    labelNames: [],
    read: () => some(sources.policies()?.isolated),
  });
  gaugeOf(registry, {
    name: "headcni_policy_elements",
    help: "Elements of all sets of the nftables table of NetworkPolicies.",
    labelNames: [],
    read: () => some(sources.policies()?.elements),
  });
  counterOf(registry, {
    name: "headcni_policy_flows_ended_total",
    help: "Flows that were open when a NetworkPolicy began to forbid them, and were ended.",
    labelNames: [],
    read: () => some(sources.policies()?.ended),
  });
  gaugeOf(registry, {
    name: "headcni_serving",
    help: "1 while ADD is served (/ready answers 200).",
    labelNames: [],
    read: () => [[{}, sources.readiness().serving ? 1 : 0]],
  });
  gaugeOf(registry, {
    name: "headcni_readiness",
    help: "1 for what is known of this node's routes.",
    labelNames: ["state"],
    read: () => {
      const now = sources.readiness().state;
      return ["proven", "unproven", "degraded"].map((state) => [{ state }, state === now ? 1 : 0]);
    },
  });
}

/** No sample where there is nothing to tell. */
function some(value: number | undefined): readonly (readonly [Readonly<Record<string, string>>, number])[] {
  return value === undefined ? [] : [[{}, value]];
}
