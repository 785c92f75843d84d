import type { AuthKeySource, LoginWanted } from "../../src/domain/tailnet/login-problem.ts";
import type { TailnetStatus } from "../../src/domain/tailnet/tailnet-status.ts";
import type { HeadscaleEvent } from "../headscale/headscale-jobs.ts";
import type { NodeJoined } from "../own-node/own-node-events.ts";
import type { Recipient } from "../support/recipient.ts";

/** A running tailscaled: the pid and its start time name one process for ever. */
export interface TailscaledIdentity {
  readonly pid: number;
  readonly startTime: string;
}

/** Preferences of ours that tailscaled must have. */
export interface WantedTailnet {
  readonly controlUrl: string;
  readonly hostname: string;
  readonly advertiseRoutes: readonly string[];
}

/** A hint of the IPN bus. */
export interface BusChange {
  readonly type: "bus.changed";
  /** Somebody may have changed preferences. */
  readonly prefs: boolean;
  /** Node ids of peers that restarted. */
  readonly renewed: readonly string[];
}

/** What `health` hears of a session. */
export type TailnetFact =
  /** tailscaled is in map poll with Headscale, or lost it. */
  | { readonly type: "control.restored" }
  | { readonly type: "control.lost" }
  /** The data plane stands (also when it stands on the last netmap, without control). */
  | { readonly type: "tailscale.up" }
  | { readonly type: "tailscale.down"; readonly reason: TailnetDownReason }
  /** Headscale does not know this node: told on the first sight of it, and again with each of its refusals. */
  | ({ readonly type: "tailscale.loginWanted" } & LoginWanted)
  /** It does not want a login any more, or tailscaled is gone. */
  | { readonly type: "tailscale.loginEnded" };

/** Beyond ours, the code of what is wrong with headcni-wire. */
export type TailnetDownReason = "EXITED" | "NEEDS_LOGIN" | "NOT_RUNNING" | (string & {});

/** What `tailscaled` hears: the session knows where it stands. */
export interface SessionSettled {
  readonly type: "session.settled";
}

export interface TailnetSettings {
  readonly wanted: WantedTailnet;
  /** Where the key of a login comes from. */
  readonly authKeyFrom: AuthKeySource;
  readonly headscale: Recipient<HeadscaleEvent>;
  readonly health: Recipient<TailnetFact>;
  readonly routes: Recipient<StatusChanged>;
  /** Null without Kubernetes. */
  readonly node: Recipient<NodeJoined> | null;
}

/** What `routes` hears; a netmap only once paths to the peers are open. */
export interface StatusChanged {
  readonly type: "tailnet.changed";
  readonly status: TailnetStatus;
}

export interface TailnetInput extends TailnetSettings {
  /** The one tailscaled that this session speaks of, and ends with. */
  readonly process: TailscaledIdentity;
  readonly arrival: "adopted" | "restarted";
  readonly parent: Recipient<SessionSettled>;
}

export type TailnetEvent =
  /** From the feed: what tailscaled says now. */
  | { readonly type: "tailnet.read"; readonly status: TailnetStatus }
  /** From the feed: peers by node id that restarted, our session with which is gone. */
  | { readonly type: "peers.renewed"; readonly nodeIds: readonly string[] }
  /** From the greeter: every peer of a greeting has answered or was given up. */
  | { readonly type: "peers.greeted" }
  /** From the login: Headscale neither took nor refused it. */
  | { readonly type: "login.unanswered" }
  /** From `tailscaled`: another auth key is in place. */
  | { readonly type: "credentials.replaced" };

/**
 * What the greeter gets: peers to open paths and sessions to. Between the two it waits `settleMs`: a peer that hears of a node for
 * the first time needs a moment to find its own path back. 0 for peers that know this node: both at once.
 */
export interface GreeterEvent {
  readonly type: "peers.greet";
  readonly addresses: readonly string[];
  readonly settleMs: number;
  /** Whether `peers.greeted` tells of its end. */
  readonly awaited: boolean;
}

/** How tailscaled came to be where it is: what its peers know of it depends on it. */
export type TailnetArrival = "adopted" | "restarted" | "joined";
