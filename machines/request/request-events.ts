import type { CniReply, CniRequest } from "../../src/protocol/cni-protocol.ts";
import type { PodAnswer, PodsCall } from "../pods/pods-events.ts";
import type { Recipient } from "../support/recipient.ts";

/** The answer to one exchange; the socket writes it, the spool keeps or drops its file by it. */
export interface ExchangeReply {
  readonly type: "exchange.reply";
  readonly exchangeId: string;
  readonly reply: CniReply;
}

/** Whether this node may be used at all: until its routes were proven once, STATUS says no. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason: string;
}

export interface RequestInput {
  /** Names the exchange on the socket and the call at the registry. */
  readonly exchangeId: string;
  readonly request: CniRequest;
  /** When it came in, ms since the epoch. */
  readonly atMs: number;
  readonly readiness: Readiness;
  readonly pods: Recipient<PodsCall>;
  readonly replyTo: Recipient<ExchangeReply>;
}

export type RequestEvent = PodAnswer | { readonly type: "exchange.closed" };
