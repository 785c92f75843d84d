import type { Registry } from "prom-client";
import { counterOf } from "../metrics.ts";
import type { CallExporter } from "./call-exporter.ts";

export function registerExporterMetrics(registry: Registry, exporter: Pick<CallExporter, "counts">): void {
  counterOf(
    registry,
    {
      name: "headcni_otlp_calls_total",
      help: "Traced CNI calls by what became of their export.",
      labels: ["outcome"] as const,
    },
    () => {
      const { sent, refused, dropped } = exporter.counts();
      return [
        [{ outcome: "sent" as const }, sent],
        [{ outcome: "refused" as const }, refused],
        [{ outcome: "dropped" as const }, dropped],
      ];
    },
  );
  counterOf(
    registry,
    {
      name: "headcni_otlp_request_failures_total",
      help: "Requests to the collector that failed.",
      labels: [],
    },
    () => [[{}, exporter.counts().failedRequests]],
  );
}
