import type { Recipient } from "../support/recipient.ts";
import type {
  SessionSettled,
  TailnetReport,
  TailnetSettings,
  TailscaledIdentity,
} from "../tailnet/tailnet-events.ts";

/** The tailscaled that headcni-wire runs. */
export interface FoundTailscaled extends TailscaledIdentity {
  /** Whether a daemon has opened its paths to peers before. */
  readonly attended: boolean;
}

/** What the root hears. */
export type TailscaledReport =
  | TailnetReport
  /** X, which headcni-wire made, is open in the kernel port; again for each tailscaled. */
  | { readonly type: "tailscale.entered" }
  /** headcni-wire is away, and X with it. */
  | { readonly type: "tailscale.left" };

export interface TailscaledInput extends TailnetSettings {
  readonly parent: Recipient<TailscaledReport>;
}

export type TailscaledEvent =
  | SessionSettled
  /** From the root: another auth key is in place. */
  | { readonly type: "credentials.replaced" };
