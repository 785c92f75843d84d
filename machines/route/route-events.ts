import type { OwnRouteFacts, PeerRouteFacts } from "../../src/domain/tailnet/route-facts.ts";
import type { ApprovalReply } from "../headscale/headscale-jobs.ts";

/** What a route tells its registry on entering a state. `slot` is the child's id there. */
export type RouteReport =
  | { readonly type: "ownRoute.moved"; readonly slot: string; readonly state: OwnRouteState }
  | { readonly type: "peerRoute.moved"; readonly prefix: string; readonly state: PeerRouteState };

export type OwnRouteState = "announcing" | "awaitingApproval" | "awaitingService" | "serving" | "lost";

export type PeerRouteState = "expected" | "installed" | "lost" | "unconfirmed" | "conflicting";

export type OwnRouteEvent =
  | ApprovalReply
  | { readonly type: "ownRoute.observed"; readonly facts: OwnRouteFacts };

export type PeerRouteEvent =
  | { readonly type: "peerRoute.observed"; readonly facts: PeerRouteFacts }
  /** The registry follows the prefix as a row from here on. */
  | { readonly type: "peerRoute.release" };
