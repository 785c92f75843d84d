import type { TailnetStatus } from "../../src/domain/tailnet-status.ts";
import type { GuardEvent } from "../guard/guard-events.ts";
import type { HeadscaleEvent } from "../headscale/headscale-jobs.ts";
import type { RouteReport } from "../route/route-events.ts";
import type { Recipient } from "../support/recipient.ts";
import type { ChildEnd } from "../support/slots.ts";

export interface RoutesInput {
  /** This node's prefixes, one per family. */
  readonly own: readonly string[];
  /** The pod supernets: prefixes of peers inside them are watched. */
  readonly supernets: readonly string[];
  /** The pod CIDRs of all Nodes; null while they are not known, then peers are not judged by them. */
  readonly expected: Readonly<Record<string, true>> | null;
  readonly approval: "policy" | "api";
  readonly headscale: Recipient<HeadscaleEvent>;
  readonly health: Recipient<RoutesFact>;
  readonly guard: Recipient<GuardEvent>;
}

/** What `health` hears. */
export type RoutesFact =
  /** Every own prefix serves, proven. */
  { readonly type: "routes.proven" } | { readonly type: "routes.unproven"; readonly reason: string };

/** What the registry is told. */
export type RoutesEvent =
  | { readonly type: "tailnet.changed"; readonly status: TailnetStatus }
  | { readonly type: "nodes.expected"; readonly expected: Readonly<Record<string, true>> }
  /** From its own watch: routes of X changed. */
  | { readonly type: "routeTable.changed" }
  | RouteReport
  | ChildEnd;
