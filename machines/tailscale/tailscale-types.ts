import type { Failure } from "../../src/domain/failure.ts";
import type { AuthKeySource, LoginWanted } from "../../src/domain/login-trouble.ts";
import type { TailnetStatus } from "../../src/domain/tailnet-status.ts";
import type { HeadscaleEvent } from "../headscale/headscale-jobs.ts";
import type { Recipient } from "../support/recipient.ts";

/** The running tailscaled: the pid and its start time name one process for ever. */
export interface TailscaledIdentity {
  readonly pid: number;
  readonly startTime: string;
  /** Found, not started: whether a daemon has opened its paths to peers before. */
  readonly attended?: boolean;
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

/** What the root hears. */
export type TailscaleReport =
  | { readonly type: "tailscale.changed"; readonly status: TailnetStatus }
  /** A new tailscaled process: addresses, rules and routes in X are new too. */
  | { readonly type: "tailscale.started" }
  /** The data plane stands (also when it stands on the last netmap, without control). */
  | { readonly type: "tailscale.up" }
  | { readonly type: "tailscale.down"; readonly reason: TailscaleDownReason }
  /** X, which headcni-wire made, is open in the kernel port; again for each X. */
  | { readonly type: "tailscale.entered" }
  /** headcni-wire is away, and X with it. */
  | { readonly type: "tailscale.left" }
  /** Headscale does not know this node: told on the first sight of it, and again with each of its refusals. */
  | ({ readonly type: "tailscale.loginWanted" } & LoginWanted)
  /** It does not want a login any more, or tailscaled is gone. */
  | { readonly type: "tailscale.loginEnded" }
  /** tailscaled was ended on request. */
  | { readonly type: "tailscale.stopped" };

/** Beyond ours, the code of what is wrong with headcni-wire. */
export type TailscaleDownReason = "EXITED" | "NEEDS_LOGIN" | "NOT_RUNNING" | "STOPPING" | (string & {});

export interface TailscaleInput {
  readonly wanted: WantedTailnet;
  /** Where the key of a login comes from. */
  readonly authKeyFrom: AuthKeySource;
  /** Who runs tailscaled and makes X: the daemon, or headcni-wire beside it. */
  readonly launcher: "daemon" | "wire";
  readonly headscale: Recipient<HeadscaleEvent>;
  readonly parent: Recipient<TailscaleReport>;
}

export type TailscaleEvent =
  /** From the feed: what tailscaled says now. */
  | { readonly type: "tailnet.read"; readonly status: TailnetStatus }
  /** From the feed: peers by node id that restarted, our session with which is gone. */
  | { readonly type: "peers.renewed"; readonly nodeIds: readonly string[] }
  /** From the greeter: every awaited peer has answered or was given up. */
  | { readonly type: "peers.greeted" }
  /** From the seeker: headcni-wire runs this tailscaled. */
  | { readonly type: "wire.found"; readonly process: TailscaledIdentity }
  /** From the seeker: why there is none, whenever that changes. */
  | { readonly type: "wire.missed"; readonly failure: Failure }
  /** From the login: Headscale neither took nor refused it. */
  | { readonly type: "login.unanswered" }
  /** From the root: another auth key is in place. */
  | { readonly type: "credentials.replaced" }
  /** From the root, for clean-up: ends tailscaled. */
  | { readonly type: "tailscale.stop" };

/**
 * What the greeter gets: peers to open paths and sessions to. Between the two it waits `settleMs`: a peer that hears of a node for
 * the first time needs a moment to find its own path back. 0 for peers that know this node: both at once.
 */
export type GreeterEvent =
  | {
      readonly type: "peers.greet";
      readonly addresses: readonly string[];
      readonly settleMs: number;
      /** Whether `peers.greeted` is to wait for them. */
      readonly awaited: boolean;
    }
  /** Known peers whose session may be gone on our side only: they would notice that after 15 s. */
  | { readonly type: "peers.greetAgain"; readonly addresses: readonly string[] };

/** How this tailscaled came to be where it is: what its peers know of it depends on it. */
export type TailscaleArrival = "adopted" | "restarted" | "joined";
