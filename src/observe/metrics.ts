import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { WireCommand } from "../protocol/wire-types.ts";

/** How one CNI call ended: answered, told to come back (code 11), refused with another code, or given up by the client. */
export type CniOutcome = "ok" | "tryAgain" | "failed" | "abandoned";

export interface MetricsOptions {
  /** Adds pod_name to the set-up histogram: off by default, because those series never stop growing. */
  readonly podNames?: boolean;
}

export interface Metrics {
  readonly registry: Registry;
  /** headcni_pod_network_setup_duration_seconds: from the ADD's arrival to its answer. */
  observePodSetup(pod: { readonly namespace: string; readonly name: string }, seconds: number): void;
  /** headcni_cni_request_duration_seconds. */
  observeCniRequest(command: WireCommand, outcome: CniOutcome, seconds: number): void;
  /** headcni_ip_allocations_total. */
  countIpAllocations(strategy: string, addresses: number): void;
  /** headcni_network_errors_total; `errorType` is a failure code, never a message. */
  countNetworkError(errorType: string): void;
}

/** From a kernel transaction of a millisecond to the deadline of an ADD (10 s). */
const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Counters and histograms that parts of the daemon push into; what can be read on demand is in live-metrics.ts. */
export function createMetrics({ podNames = false }: MetricsOptions = {}): Metrics {
  const registry = createRegistry();
  const registers = [registry];

  const podSetup = new Histogram<"namespace" | "pod_name">({
    name: "headcni_pod_network_setup_duration_seconds",
    help: "Time from the arrival of an ADD to its successful answer.",
    labelNames: podNames ? ["namespace", "pod_name"] : ["namespace"],
    buckets: durationBuckets,
    registers,
  });
  const cniRequests = new Histogram<"command" | "outcome">({
    name: "headcni_cni_request_duration_seconds",
    help: "Time from the arrival of a CNI call to its answer.",
    labelNames: ["command", "outcome"],
    buckets: durationBuckets,
    registers,
  });
  const allocations = new Counter<"strategy">({
    name: "headcni_ip_allocations_total",
    help: "Pod addresses given out, each of a dual-stack pod.",
    labelNames: ["strategy"],
    registers,
  });
  const networkErrors = new Counter<"error_type">({
    name: "headcni_network_errors_total",
    help: "Failures by code.",
    labelNames: ["error_type"],
    registers,
  });
  return {
    registry,
    observePodSetup: ({ namespace, name }, seconds) =>
      podSetup.observe(podNames ? { namespace, pod_name: name } : { namespace }, seconds),
    observeCniRequest: (command, outcome, seconds) => cniRequests.observe({ command, outcome }, seconds),
    countIpAllocations: (strategy, addresses) => allocations.inc({ strategy }, addresses),
    countNetworkError: (errorType) => networkErrors.inc({ error_type: errorType }),
  };
}

/**
 * A registry with CPU, memory, handles and garbage collection of the process. The percentiles of prom-client's event loop lag are
 * left out: they hold the sampling period itself, and sampling often enough for them costs 0.12 % of a core at rest.
 */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "headcni_", eventLoopMonitoringPrecision: 1000 });
  for (const part of ["min", "max", "mean", "stddev", "p50", "p90", "p99"])
    registry.removeSingleMetric(`headcni_nodejs_eventloop_lag_${part}_seconds`);
  return registry;
}

/** A metric whose series are rebuilt at each scrape: nothing is paid between scrapes, and no series outlives its subject. */
interface ReadMetric<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly Label[];
  readonly read: () => Iterable<readonly [labels: Record<NoInfer<Label>, string>, value: number]>;
}

export function gaugeOf<Label extends string>(
  registry: Registry,
  { read, ...about }: ReadMetric<Label>,
): void {
  new Gauge<Label>({
    ...about,
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of read()) this.set(labels, value);
    },
  });
}

/** The same for totals that somebody else counts. */
export function counterOf<Label extends string>(
  registry: Registry,
  { read, ...about }: ReadMetric<Label>,
): void {
  new Counter<Label>({
    ...about,
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of read()) this.inc(labels, value);
    },
  });
}
