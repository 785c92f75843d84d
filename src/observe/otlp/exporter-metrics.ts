import type { Registry } from "prom-client";
import { counterOf } from "../metrics/metrics.ts";
import type { CallExporter } from "./call-exporter.ts";

export function registerExporterMetrics(registry: Registry, exporter: Pick<CallExporter, "counts">): void {
  counterOf(registry, {
    name: "headcni_otlp_calls_total",
    help: "Traced CNI calls by what became of their export.",
    labelNames: ["outcome"],
    read: () => {
      const counts = exporter.counts();
      return (["sent", "refused", "dropped"] as const).map((outcome) => [{ outcome }, counts[outcome]]);
    },
  });
  counterOf(registry, {
    name: "headcni_otlp_request_failures_total",
    help: "Requests to the collector that failed.",
    labelNames: [],
    read: () => [[{}, exporter.counts().failedRequests]],
  });
}
