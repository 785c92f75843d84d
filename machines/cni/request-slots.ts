import { enqueueActions } from "xstate";
import { toCniFailure } from "../../src/domain/attachment/cni-failure.ts";
import { toFailure } from "../../src/domain/failure.ts";
import type { CniFailure } from "../../src/protocol/cni-protocol.ts";
import { failureReply } from "../../src/protocol/reply.ts";
import type { PodsCall } from "../pods/pods-events.ts";
import type { ExchangeReply, Readiness } from "../request/request-events.ts";
import type { requestMachine } from "../request/request-machine.ts";
import type { News } from "../support/news.ts";
import type { Recipient } from "../support/recipient.ts";
import { type ChildEnd, childId, freeSlot, type Slots, slotOfChild, withSlot } from "../support/slots.ts";
import type { CniEvent, CniFact, CniReport, CniSocketEvent } from "./cni-events.ts";

export interface CniContext {
  readonly pods: Recipient<PodsCall>;
  readonly health: Recipient<CniFact>;
  readonly parent: Recipient<CniReport>;
  readonly readiness: Readiness;
  readonly maxRequests: number;
  /** The exchange of each running request. */
  readonly slots: Slots<string>;
}

export type Received = Extract<CniSocketEvent, { type: "request.received" }>;
type RequestActor = { src: "request"; logic: typeof requestMachine; id: string | undefined };

function acting<Params>(
  collect: Parameters<
    typeof enqueueActions<CniContext, CniEvent, Params, CniEvent, RequestActor, never, never, never, News>
  >[0],
) {
  return enqueueActions(collect);
}

/** An exchange that is answered without a request of its own. */
export function refusal(exchangeId: string, error: CniFailure): ExchangeReply {
  return { type: "exchange.reply", exchangeId, reply: failureReply(error) };
}

/** Spawns, tells and frees the requests of a `cni` machine; a request's id is that of its slot. */
export const slotActions = {
  startRequest: acting(({ context, enqueue }, { exchangeId, request, atMs, replyTo }: Received) => {
    const slot = freeSlot(context.slots);
    const { readiness, pods } = context;
    enqueue.assign({ slots: withSlot(context.slots, slot, exchangeId) });
    enqueue.spawnChild("request", {
      id: childId("request", slot),
      input: { exchangeId, request, atMs, readiness, pods, replyTo },
    });
  }),
  abandonRequest: acting(({ context, enqueue }, { exchangeId }: { readonly exchangeId: string }) => {
    const slot = context.slots.indexOf(exchangeId);
    if (slot !== -1) enqueue.sendTo(childId("request", slot), { type: "exchange.closed" });
  }),
  /** The connections of all exchanges went with their socket. */
  abandonAll: acting(({ context, enqueue }, _: undefined) => {
    for (const [slot, exchangeId] of context.slots.entries())
      if (exchangeId !== null) enqueue.sendTo(childId("request", slot), { type: "exchange.closed" });
  }),
  requestEnded: acting(({ context, enqueue }, end: ChildEnd) => {
    enqueue.stopChild(end.actorId);
    const slot = slotOfChild("request", end.actorId);
    const exchangeId = context.slots[slot];
    enqueue.assign({ slots: withSlot(context.slots, slot, null) });
    if (!("error" in end)) return;
    const failure = toFailure(end.error);
    enqueue.emit({ type: "failure.occurred", failure });
    if (typeof exchangeId === "string") enqueue.raise(refusal(exchangeId, toCniFailure(failure, "the call")));
  }),
};
