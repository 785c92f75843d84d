import type { CniReply, CniRequest } from "../protocol/wire-types.ts";
import type { NewsListener } from "./hear-news.ts";
import type { CniOutcome, Metrics } from "./metrics.ts";

/** Counts CNI calls, addresses and failures. Calls under way are bounded by the number of connections. */
export function createNewsMetrics(
  metrics: Metrics,
  strategy: string,
  monotonicMs: () => number = () => performance.now(),
): NewsListener {
  const running = new Map<string, { readonly request: CniRequest; readonly since: number }>();

  function finish(callId: string, outcome: CniOutcome): void {
    const call = running.get(callId);
    if (call === undefined) return;
    running.delete(callId);
    const seconds = (monotonicMs() - call.since) / 1000;
    metrics.observeCniRequest(call.request.command, outcome, seconds);
    if (call.request.command === "ADD" && outcome === "ok")
      metrics.observePodSetup(call.request.pod, seconds);
  }

  return (news) => {
    switch (news.type) {
      case "call.received":
        running.set(news.callId, { request: news.request, since: monotonicMs() });
        return;
      case "call.answered":
        finish(news.callId, outcomeOf(news.reply));
        return;
      case "call.abandoned":
        finish(news.callId, "abandoned");
        return;
      case "addresses.assigned":
        metrics.countIpAllocations(strategy, news.addresses.length);
        return;
      case "failure.occurred":
        metrics.countNetworkError(news.failure.code);
        return;
      case "call.queued":
      case "call.started":
        return;
      default:
        news satisfies never;
    }
  };
}

function outcomeOf(reply: CniReply): CniOutcome {
  if (reply.ok) return "ok";
  return reply.error.code === 11 ? "tryAgain" : "failed";
}
