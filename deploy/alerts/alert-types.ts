/** `critical`: pods lack their network, or the next pod will. `warning`: it may heal by itself, or worsen. */
export type Severity = "critical" | "warning";

/** An alert on states of machines. How long they may last comes from the machines' own limits. */
export interface StateAlert {
  readonly alert: string;
  readonly severity: Severity;
  /** What is the matter, as the beginning of a sentence that names the node. */
  readonly matter: string;
  /** Paths of states by machine; a compound state stands for all states with a limit in it. */
  readonly states: Readonly<Record<string, readonly string[]>>;
  /** The state says for certain that somebody must act: there is nothing to wait for. */
  readonly certain?: boolean;
}

/** An alert on any other metric. */
export interface MetricAlert {
  readonly alert: string;
  readonly severity: Severity;
  readonly expr: string;
  readonly forSeconds: number;
  readonly summary: string;
  readonly description: string;
}

/** A rule as Prometheus reads it. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: Severity; readonly machine?: string };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly runbook_url: string;
  };
}
