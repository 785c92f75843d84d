import { Counter, Histogram, type Registry } from "prom-client";
import type { News } from "../../../machines/support/news.ts";
import type { CniReply, CniRequest } from "../../protocol/cni-protocol.ts";
import { createPodSetupMetric } from "./pod-setup-metric.ts";

/** How one CNI call ended: answered, told to come back (code 11), refused with another code, or given up by the client. */
type CniOutcome = "ok" | "tryAgain" | "failed" | "abandoned";

export interface NewsMetricsOptions {
  /** In which order addresses are given. */
  readonly strategy: string;
  /** Adds pod_name to the set-up histogram: off by default, because each pod is a series then. */
  readonly podNames?: boolean;
  readonly monotonicMs?: () => number;
}

/** From a kernel transaction of a millisecond to the deadline of an ADD (10 s). */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Counts failures: in any program of ours. */
export function createFailureMetrics(registry: Registry): (news: News) => void {
  const networkErrors = new Counter({
    name: "headcni_network_errors_total",
    // A code, never a message.
    help: "Failures by code.",
    labelNames: ["error_type"],
    registers: [registry],
  });
  return (news) => {
    if (news.type === "failure.occurred") networkErrors.inc({ error_type: news.failure.code });
  };
}

/** Counts CNI calls, addresses and failures. Calls under way are bounded by the number of connections. */
export function createNewsMetrics(registry: Registry, options: NewsMetricsOptions): (news: News) => void {
  const { strategy, podNames = false, monotonicMs = () => performance.now() } = options;
  const registers = [registry];
  const podSetup = createPodSetupMetric(registry, { podNames, buckets, monotonicMs });
  const cniRequests = new Histogram({
    name: "headcni_cni_request_duration_seconds",
    help: "Time from the arrival of a CNI call to its answer.",
    labelNames: ["command", "outcome"],
    buckets,
    registers,
  });
  const allocations = new Counter({
    name: "headcni_ip_allocations_total",
    help: "Pod addresses assigned; a dual-stack pod has two.",
    labelNames: ["strategy"],
    registers,
  });
  const countFailure = createFailureMetrics(registry);
  const running = new Map<string, { readonly request: CniRequest; readonly since: number }>();

  function finish(callId: string, outcome: CniOutcome): void {
    const call = running.get(callId);
    if (call === undefined) return;
    running.delete(callId);
    const { command } = call.request;
    const seconds = (monotonicMs() - call.since) / 1000;
    cniRequests.observe({ command, outcome }, seconds);
    if (command === "ADD" && outcome === "ok") podSetup.added(call.request, seconds);
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
        allocations.inc({ strategy }, news.addresses.length);
        return;
      case "attachments.ended":
        podSetup.ended(news.keys);
        return;
      case "failure.occurred":
        countFailure(news);
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
