import type { OwnerFacts } from "../../src/domain/owner/owner-facts.ts";
import type { NamespaceHeld } from "../guard/guard-events.ts";
import type { Recipient } from "../support/recipient.ts";
import type { SessionSettled, TailnetFact } from "../tailnet/tailnet-events.ts";
import type { TailscaledInput } from "../tailscaled/tailscaled-machine.ts";

export interface OwnerInput extends Omit<TailscaledInput, "health"> {
  readonly health: Recipient<TailnetFact | OwnerJudged>;
  /** MTU of the pods. */
  readonly mtu: number;
}

/** From the feed: what the owner makes of his tailscaled now. */
export interface OwnerRead {
  readonly type: "owner.read";
  readonly facts: OwnerFacts;
  /** What follows from the owner's last change has had its time, such as Headscale's word on his routes. */
  readonly settled: boolean;
}

/** From the feed: it cannot look, for longer than a change of the owner's takes. */
export interface OwnerUnread {
  readonly type: "owner.unread";
  /** Why, in words. */
  readonly reason: string;
}

export type OwnerEvent =
  | NamespaceHeld
  | OwnerRead
  | OwnerUnread
  | SessionSettled
  /** From the root: another auth key is in place. */
  | { readonly type: "credentials.replaced" };

/** What `health` hears of the owner's tailscaled while it carries pods. */
export interface OwnerJudged {
  readonly type: "owner.judged";
  /** What he should change, in words; empty when nothing. */
  readonly words: string;
}
