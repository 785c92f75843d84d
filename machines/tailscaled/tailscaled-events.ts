import type { GuardEvent } from "../guard/guard-events.ts";
import type { Recipient } from "../support/recipient.ts";
import type { SessionSettled, TailnetSettings, TailscaledIdentity } from "../tailnet/tailnet-events.ts";

/** The tailscaled that headcni-wire runs. */
export interface FoundTailscaled extends TailscaledIdentity {
  /** Whether a daemon has opened its paths to peers before. */
  readonly attended: boolean;
}

export interface TailscaledInput extends TailnetSettings {
  /** Told whether X, which headcni-wire made, is open in the kernel port: again for each tailscaled. */
  readonly guard: Recipient<GuardEvent>;
}

export type TailscaledEvent =
  | SessionSettled
  /** From the root: another auth key is in place. */
  | { readonly type: "credentials.replaced" };
