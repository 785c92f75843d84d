import type { Failure } from "../../src/domain/failure.ts";
import type { CniRequest } from "../../src/protocol/cni-protocol.ts";
import type { PodsCall } from "../pods/pods-events.ts";
import type { ExchangeReply, Readiness } from "../request/request-events.ts";
import type { Recipient } from "../support/recipient.ts";
import type { ChildEnd } from "../support/slots.ts";

export interface CniInput {
  readonly pods: Recipient<PodsCall>;
  readonly health: Recipient<CniFact>;
  /** The root. */
  readonly parent: Recipient<CniReport>;
  /** Calls that run at once (default 256): a runtime starts far fewer, and each costs memory. */
  readonly maxRequests?: number;
}

/** What the socket server tells (src/actors/cni-socket-actor.ts); spooled DELs come as exchanges too. */
export type CniSocketEvent =
  | { readonly type: "socket.listening" }
  | { readonly type: "socket.failed"; readonly failure: Failure }
  | {
      readonly type: "request.received";
      /** Different for every exchange of this process. */
      readonly exchangeId: string;
      readonly request: CniRequest;
      /** Ms since the epoch. */
      readonly atMs: number;
      /** The socket itself: the request answers it without the detour over `cni`. */
      readonly replyTo: Recipient<ExchangeReply>;
    }
  /** The client went away before its answer. */
  | { readonly type: "exchange.closed"; readonly exchangeId: string };

/** What the socket server is told. */
export type CniSocketCommand =
  | ExchangeReply
  /** Accept nothing new; exchanges that run are still answered. */
  | { readonly type: "socket.close" };

/** From `health`, what STATUS answers; from the root, the end. */
export type CniCommand = ({ readonly type: "cni.readiness" } & Readiness) | { readonly type: "cni.close" };

/** What `health` is told: whether the socket listens. */
export type CniFact =
  | { readonly type: "cni.serving" }
  | { readonly type: "cni.down"; readonly failure: Failure };

/** What the root is told. */
export type CniReport = { readonly type: "cni.closed" };

export type CniEvent = CniSocketEvent | CniCommand | ExchangeReply | ChildEnd;
