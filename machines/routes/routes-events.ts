import type { BoundNodes } from "../../src/domain/kubernetes/node-bindings.ts";
import type { TailnetStatus } from "../../src/domain/tailnet/tailnet-status.ts";
import type { HeadscaleEvent } from "../headscale/headscale-jobs.ts";
import type { RouteReport } from "../route/route-events.ts";
import type { Recipient } from "../support/recipient.ts";
import type { ChildEnd } from "../support/slots.ts";

export interface RoutesInput {
  /** This node's prefixes, one per family. */
  readonly own: readonly string[];
  /** The pod supernets: prefixes of peers inside them are watched. */
  readonly supernets: readonly string[];
  /** Who may serve the pod CIDRs of all Nodes; null while they are not known, then peers are not judged by them. */
  readonly bound: BoundNodes | null;
  readonly approval: "policy" | "api";
  readonly headscale: Recipient<HeadscaleEvent>;
  readonly health: Recipient<RoutesFact>;
}

/** What `health` hears. */
export type RoutesFact =
  /** Every own prefix serves, proven. */
  { readonly type: "routes.proven" } | { readonly type: "routes.unproven"; readonly reason: string };

/** What the registry is told. */
export type RoutesEvent =
  | { readonly type: "tailnet.changed"; readonly status: TailnetStatus }
  | { readonly type: "nodes.bound"; readonly bound: BoundNodes }
  /** From its own watch: routes of the tailnet namespace changed. */
  | { readonly type: "routeTable.changed" }
  | RouteReport
  | ChildEnd;
