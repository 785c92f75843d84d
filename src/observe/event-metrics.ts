import type { InspectionEvent } from "xstate";
import { toFailure } from "../domain/failure.ts";
import type { CniReply, CniRequest } from "../protocol/wire-types.ts";
import type { CniOutcome, Metrics } from "./metrics.ts";

/** Events of the machines that a metric counts; the rest passes by. */
type Counted =
  | { readonly type: "request.received"; readonly exchangeId: string; readonly request: CniRequest }
  | { readonly type: "exchange.reply"; readonly exchangeId: string; readonly reply: CniReply }
  | { readonly type: "exchange.closed"; readonly exchangeId: string }
  | { readonly type: "attach.done" };

/**
 * Counts CNI calls, allocations and failures off the events that machines send each other, so that no machine knows of
 * metrics. Total, and constant in time per event; calls under way are bounded by the number of connections.
 */
export function createEventMetrics(
  metrics: Metrics,
  strategy: string,
  monotonicMs: () => number = () => performance.now(),
): (event: InspectionEvent) => void {
  const running = new Map<string, { readonly request: CniRequest; readonly since: number }>();

  function finish(exchangeId: string, outcome: CniOutcome): void {
    const call = running.get(exchangeId);
    if (call === undefined) return;
    running.delete(exchangeId);
    const seconds = (monotonicMs() - call.since) / 1000;
    metrics.observeCniRequest(call.request.command, outcome, seconds);
    if (call.request.command === "ADD" && outcome === "ok")
      metrics.observePodSetup(call.request.pod, seconds);
  }

  return (inspected) => {
    if (inspected.type !== "@xstate.event") return;
    const { type } = inspected.event;
    const event = inspected.event as unknown as Counted;
    if (event.type === "request.received")
      running.set(event.exchangeId, { request: event.request, since: monotonicMs() });
    else if (event.type === "exchange.reply") finish(event.exchangeId, outcomeOf(event.reply));
    else if (event.type === "exchange.closed") finish(event.exchangeId, "abandoned");
    else if (event.type === "attach.done") metrics.countIpAllocation(strategy);
    else if (type.endsWith("failed") || type.startsWith("xstate.error.actor.")) {
      const code = failureCode(inspected.event);
      if (code !== undefined) metrics.countNetworkError(code);
    }
  };
}

function outcomeOf(reply: CniReply): CniOutcome {
  if (reply.ok) return "ok";
  return reply.error.code === 11 ? "tryAgain" : "failed";
}

/** The code of our own failures; CNI codes (numbers) are the same failure told once more to the runtime. */
function failureCode(event: object): string | undefined {
  if ("failure" in event) {
    const { failure } = event;
    const code =
      typeof failure === "object" && failure !== null && "code" in failure ? failure.code : undefined;
    return typeof code === "string" ? code : undefined;
  }
  return "error" in event ? toFailure(event.error).code : undefined;
}
