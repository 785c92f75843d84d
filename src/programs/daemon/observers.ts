import type { Registry } from "prom-client";
import type { Config } from "../../config/config-schema.ts";
import { hearNews } from "../../observe/machines/hear-news.ts";
import {
  openProgramObservers,
  type ProgramObserverOptions,
  type ProgramObservers,
} from "../../observe/machines/program-observers.ts";
import { createRegistry } from "../../observe/metrics/metrics.ts";
import { createNewsMetrics } from "../../observe/metrics/news-metrics.ts";
import { createCallExporter } from "../../observe/otlp/call-exporter.ts";
import { registerExporterMetrics } from "../../observe/otlp/exporter-metrics.ts";
import { type CallTraces, createCallTraces } from "../../observe/trace/call-traces.ts";
import { version } from "../../protocol/version.ts";

/** All that watches the daemon's machines. None of it changes what they do. */
export interface Observers extends Omit<ProgramObservers, "close"> {
  readonly traces: CallTraces;
  /** Holds every metric of the daemon but those that read the root's state. */
  readonly registry: Registry;
  /** Sends what is still to be sent, within a limit. */
  close(): Promise<void>;
}

/** Opens what watches any program, and beside it the daemon's metrics of events and the traces of calls. */
export async function openObservers(
  { monitoring, nodeName, ipam }: Config,
  {
    log,
    redact,
    threads,
  }: Pick<ProgramObserverOptions, "log" | "redact"> & Required<Pick<ProgramObserverOptions, "threads">>,
): Promise<Observers> {
  const { otlpEndpoint, statelyInspect, inspector } = monitoring;
  const exporter =
    otlpEndpoint === undefined
      ? undefined
      : createCallExporter({
          endpoint: otlpEndpoint,
          node: nodeName,
          version,
          failed: (reason) =>
            log.warn({ otlpEndpoint, reason }, "the collector takes no traces, trying again"),
        });
  const traces = createCallTraces({ answered: exporter?.export });
  const registry = createRegistry();
  const counted = { strategy: ipam.strategy, podNames: monitoring.podNameLabel };
  const hear = hearNews(traces.hear, createNewsMetrics(registry, counted));
  const program = await openProgramObservers({
    node: nodeName,
    inspector,
    statelyInspect,
    registry,
    log,
    redact,
    listener: traces.listener,
    threads,
  });
  if (exporter !== undefined) registerExporterMetrics(registry, exporter);
  return {
    ...program,
    traces,
    registry,
    inspect: (event) => {
      hear(event);
      program.inspect(event);
    },
    close: async () => {
      program.close();
      await exporter?.close();
    },
  };
}
