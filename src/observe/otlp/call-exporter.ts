import type { CallTrace } from "../trace/call-trace.ts";
import { callSpans } from "./call-spans.ts";

/** Sends calls to an OpenTelemetry collector over HTTP, later and in batches. Never throws, never waits for the collector. */
export interface CallExporter {
  /** Takes an answered call; when the queue is full the oldest goes. */
  readonly export: (call: CallTrace) => void;
  counts(): ExportCounts;
  /** Sends what is queued, for at most two seconds. */
  close(): Promise<void>;
}

export interface ExportCounts {
  readonly sent: number;
  /** The collector took the request and not the spans, or answered that trying again is useless. */
  readonly refused: number;
  /** The queue was full. */
  readonly dropped: number;
  /** Requests that failed, each of which may be tried again. */
  readonly failedRequests: number;
}

export interface CallExporterOptions {
  /** Base of the collector; "/v1/traces" is added (OTLP 1.x, "OTLP/HTTP Request"). */
  readonly endpoint: string;
  readonly node: string;
  readonly version: string;
  /** Told of the first failure after a success. */
  readonly failed: (reason: string) => void;
  readonly firstRetryMs?: number;
}

const queueSize = 1024;
const batchSize = 64;
const gatherMs = 1_000;
const requestMs = 10_000;
const closeMs = 2_000;
const longestRetryMs = 30_000;
/** "Retryable Response Codes" of OTLP/HTTP. */
const retryable: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export function createCallExporter(options: CallExporterOptions): CallExporter {
  const { firstRetryMs = 1_000 } = options;
  const url = `${options.endpoint.replace(/\/+$/, "")}/v1/traces`;
  const counts = { sent: 0, refused: 0, dropped: 0, failedRequests: 0 };
  const queue: CallTrace[] = [];
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;
  let failures = 0;

  function wake(): void {
    if (timer !== undefined || sending !== undefined || queue.length === 0) return;
    timer = setTimeout(() => {
      timer = undefined;
      sending = send(requestMs).finally(() => {
        sending = undefined;
        wake();
      });
    }, pauseMs()).unref();
  }

  function pauseMs(): number {
    if (failures > 0) return Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(failures - 1, 10));
    return queue.length >= batchSize ? 0 : gatherMs;
  }

  async function send(limitMs: number): Promise<void> {
    const batch = queue.splice(0, batchSize);
    if (batch.length === 0) return;
    const outcome = await post(batch, limitMs);
    if (outcome === "sent" || outcome === "refused") {
      counts[outcome] += batch.length;
      failures = 0;
      return;
    }
    counts.failedRequests += 1;
    failures += 1;
    if (failures === 1) options.failed(outcome.reason);
    queue.unshift(...batch);
    trim();
  }

  async function post(
    batch: readonly CallTrace[],
    limitMs: number,
  ): Promise<"sent" | "refused" | { readonly reason: string }> {
    try {
      const answer = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(requestBody(batch, options)),
        signal: AbortSignal.timeout(limitMs),
        redirect: "error",
      });
      const text = await answer.text();
      if (answer.ok) return rejectedSpans(text) > 0 ? "refused" : "sent";
      return retryable.has(answer.status) ? { reason: `status ${answer.status}` } : "refused";
    } catch (error) {
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      return { reason: cause instanceof Error ? cause.message : String(cause) };
    }
  }

  function trim(): void {
    const excess = queue.length - queueSize;
    if (excess <= 0) return;
    queue.splice(0, excess);
    counts.dropped += excess;
  }

  return {
    export(call) {
      queue.push(call);
      trim();
      if (pauseMs() === 0) {
        clearTimeout(timer);
        timer = undefined;
      }
      wake();
    },
    counts: () => ({ ...counts }),
    async close() {
      clearTimeout(timer);
      const end = performance.now() + closeMs;
      const limit = new Promise<void>((resolve) => setTimeout(resolve, closeMs).unref());
      await Promise.race([limit, sending]);
      for (let before = failures; queue.length > 0 && failures === before && performance.now() < end; )
        await send(end - performance.now());
      clearTimeout(timer);
    },
  };
}

/** ExportTraceServiceRequest (opentelemetry/proto/collector/trace/v1/trace_service.proto). */
function requestBody(batch: readonly CallTrace[], { node, version }: CallExporterOptions) {
  const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  return {
    resourceSpans: [
      {
        resource: {
          attributes: [
            attribute("service.name", "headcni"),
            attribute("service.version", version),
            attribute("host.name", node),
            attribute("k8s.node.name", node),
          ],
        },
        scopeSpans: [{ scope: { name: "headcni", version }, spans: batch.flatMap(callSpans) }],
      },
    ],
  };
}

/** Of ExportTracePartialSuccess; an answer of another shape rejects nothing. */
function rejectedSpans(text: string): number {
  try {
    const answer = JSON.parse(text) as { partialSuccess?: { rejectedSpans?: unknown } } | null;
    return Number(answer?.partialSuccess?.rejectedSpans ?? 0) || 0;
  } catch {
    return 0;
  }
}
