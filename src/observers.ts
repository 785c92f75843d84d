import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { InspectionEvent } from "xstate";
import type { Config } from "./config/config-schema.ts";
import { createEventMetrics } from "./observe/event-metrics.ts";
import type { RequestTaker } from "./observe/http-server.ts";
import { openInspector } from "./observe/inspector/open-inspector.ts";
import { registerMachineMetrics } from "./observe/machine-metrics.ts";
import { createMachineObserver, type MachineObserver } from "./observe/machine-observer.ts";
import { createMetrics } from "./observe/metrics.ts";
import { createCallExporter } from "./observe/otlp/call-exporter.ts";
import { registerExporterMetrics } from "./observe/otlp/exporter-metrics.ts";
import { createPprofPages, firstTaker } from "./observe/pprof/pprof-pages.ts";
import { createStatelyBridge } from "./observe/stately/stately-bridge.ts";
import { subjectOf } from "./observe/subject-of.ts";
import { type CallTraces, createCallTraces } from "./observe/trace/call-traces.ts";
import { severalListeners } from "./observe/trace/several-listeners.ts";
import { version } from "./version.ts";

/** All that watches the machines. None of it changes what they do. */
export interface Observers {
  readonly machines: MachineObserver;
  readonly traces: CallTraces;
  /** Holds every metric of the daemon but those that read the root's state. */
  readonly registry: Registry;
  /** For XState's `inspect`. */
  inspect(event: InspectionEvent): void;
  /** Answers the pages that are more than one text: the inspector's and the profiles. */
  readonly taker: RequestTaker;
  /** Sends what is still to be sent, within a limit. */
  close(): Promise<void>;
}

/** Opens what always watches (log lines, metrics, traces of calls) and what the configuration asks for beside it. */
export async function openObservers(
  { monitoring, nodeName, ipam }: Config,
  { log, redact }: { readonly log: Logger; readonly redact: (line: string) => string },
): Promise<Observers> {
  const { otlpEndpoint, statelyInspect } = monitoring;
  const live = () => machines.live();
  const inspector = monitoring.inspector
    ? await openInspector({ node: nodeName, log, redact, live })
    : undefined;
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
  const listener = severalListeners([traces.listener, inspector?.listener]);
  const machines = createMachineObserver({ log, subjectOf, listener });
  const bridge =
    statelyInspect === undefined
      ? undefined
      : createStatelyBridge({
          url: statelyInspect,
          live,
          redact,
          warn: (fields, text) => log.warn(fields, text),
        });
  const metrics = createMetrics();
  const countEvent = createEventMetrics(metrics, ipam.strategy);
  registerMachineMetrics(metrics.registry, machines);
  if (exporter !== undefined) registerExporterMetrics(metrics.registry, exporter);
  return {
    machines,
    traces,
    registry: metrics.registry,
    inspect: (event) => {
      // A call's trace is opened by the event that its first machine begins with.
      traces.inspect(event);
      machines.inspect(event);
      countEvent(event);
      inspector?.inspect(event);
      bridge?.inspect(event);
    },
    taker: firstTaker(inspector?.taker, createPprofPages()),
    close: async () => {
      inspector?.close();
      bridge?.close();
      await exporter?.close();
    },
  };
}
