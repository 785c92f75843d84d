import type { Registry } from "prom-client";
import type { Readiness } from "../domain/health-level.ts";
import { counterOf, gaugeOf } from "./metrics.ts";

/** What the daemon can tell about itself when somebody scrapes; each function is cheap and does not throw. */
export interface LiveSources {
  /** One per pod CIDR of this node. */
  pools(): readonly { readonly prefix: string; readonly size: number; readonly used: number }[];
  routes(): Iterable<{ readonly prefix: string; readonly kind: "own" | "peer"; readonly state: string }>;
  peerPaths(): Iterable<{ readonly peer: string; readonly path: "direct" | "relay" | "none" }>;
  /** Repairs so far, by the name of the invariant that did not hold. */
  guardRepairs(): Iterable<{ readonly invariant: string; readonly count: number }>;
  readiness(): Readiness;
}

export function registerLiveMetrics(registry: Registry, sources: LiveSources): void {
  gaugeOf(
    registry,
    {
      name: "headcni_ip_pool_size",
      help: "Pod addresses this node can give out.",
      labels: ["prefix"] as const,
    },
    () => sources.pools().map(({ prefix, size }) => [{ prefix }, size]),
  );
  gaugeOf(
    registry,
    {
      name: "headcni_ip_pool_used",
      help: "Pod addresses in use; those that rest can be given out and do not count.",
      labels: ["prefix"] as const,
    },
    () => sources.pools().map(({ prefix, used }) => [{ prefix }, used]),
  );
  gaugeOf(
    registry,
    {
      name: "headcni_route_state",
      help: "1 for the state each prefix's route is in.",
      labels: ["prefix", "kind", "state"] as const,
    },
    function* () {
      for (const { prefix, kind, state } of sources.routes()) yield [{ prefix, kind, state }, 1];
    },
  );
  gaugeOf(
    registry,
    {
      name: "headcni_peer_path",
      help: "1 for the way packets take to each peer now.",
      labels: ["peer", "path"] as const,
    },
    function* () {
      for (const { peer, path } of sources.peerPaths()) yield [{ peer, path }, 1];
    },
  );
  counterOf(
    registry,
    {
      name: "headcni_guard_repairs_total",
      help: "Times the guard put back what somebody had changed.",
      labels: ["invariant"] as const,
    },
    function* () {
      for (const { invariant, count } of sources.guardRepairs()) yield [{ invariant }, count];
    },
  );
  gaugeOf(
    registry,
    { name: "headcni_serving", help: "1 while ADD is served (/ready answers 200).", labels: [] },
    () => [[{}, sources.readiness().serving ? 1 : 0]],
  );
  gaugeOf(
    registry,
    {
      name: "headcni_readiness",
      help: "1 for what is known of this node's routes.",
      labels: ["state"] as const,
    },
    () =>
      (["proven", "unproven", "degraded"] as const).map((state) => [
        { state },
        sources.readiness().state === state ? 1 : 0,
      ]),
  );
}
