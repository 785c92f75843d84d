/** One query of a panel and how its lines are called. */
export interface Query {
  readonly expr: string;
  readonly legend: string;
}

/** A panel before it has a place on the dashboard. */
export interface Panel {
  readonly title: string;
  readonly about: string;
  readonly kind: "stat" | "timeseries" | "table";
  /** Grafana's id of the unit: "s", "percentunit", "short". */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** In columns of 24. */
  readonly width: number;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** Every query looks at the chosen nodes only. */
const on = 'instance=~"$instance"';
const rate = "[$__rate_interval]";

/** What the dashboard shows, in the order in which somebody on call asks. */
export const rows: readonly Row[] = [
  {
    title: "Are the nodes well?",
    panels: [
      {
        title: "Nodes that serve pods",
        about: "Daemons that answer and serve ADD.",
        kind: "stat",
        unit: "short",
        width: 5,
        queries: [{ expr: `sum(headcni_serving{${on}})`, legend: "serving" }],
      },
      {
        title: "Proven, degraded, unproven",
        about: "What each node knows of its own route; /ready says why.",
        kind: "stat",
        unit: "short",
        width: 7,
        queries: [{ expr: `sum by (state) (headcni_readiness{${on}})`, legend: "{{state}}" }],
      },
      {
        title: "Stuck machines",
        about: "Machines beyond the time limit of their state. docs/states.md says what each means.",
        kind: "table",
        unit: "s",
        width: 12,
        queries: [
          {
            expr: `headcni_machine_oldest_seconds{${on}} and headcni_machine_stuck{${on}} > 0`,
            legend: "",
          },
        ],
      },
    ],
  },
  {
    title: "Pods",
    panels: [
      {
        title: "CNI calls",
        about: "ADD, DEL and the rest by how they ended. tryAgain is code 11: it heals by itself.",
        kind: "timeseries",
        unit: "reqps",
        width: 8,
        queries: [
          {
            expr: `sum by (command, outcome) (rate(headcni_cni_request_duration_seconds_count{${on}}${rate}))`,
            legend: "{{command}} {{outcome}}",
          },
        ],
      },
      {
        title: "Time of a call",
        about: "From the call's arrival to its answer.",
        kind: "timeseries",
        unit: "s",
        width: 8,
        queries: ["0.5", "0.99"].map((quantile) => ({
          expr: `histogram_quantile(${quantile}, sum by (command, le) (rate(headcni_cni_request_duration_seconds_bucket{${on}}${rate})))`,
          legend: `{{command}} p${Number(quantile) * 100}`,
        })),
      },
      {
        title: "Pod addresses in use",
        about: "Addresses of deleted pods count as free, also while they rest.",
        kind: "timeseries",
        unit: "percentunit",
        width: 8,
        queries: [
          {
            expr: `headcni_ip_pool_used{${on}} / headcni_ip_pool_size{${on}}`,
            legend: "{{instance}} {{prefix}}",
          },
        ],
      },
      {
        title: "Set-up of a pod's network",
        about: "Successful ADDs only.",
        kind: "timeseries",
        unit: "s",
        width: 12,
        queries: [
          {
            expr: `histogram_quantile(0.9, sum by (instance, le) (rate(headcni_pod_network_setup_duration_seconds_bucket{${on}}${rate})))`,
            legend: "{{instance}} p90",
          },
        ],
      },
      {
        title: "Addresses given out",
        about: "By the strategy of the pool.",
        kind: "timeseries",
        unit: "ops",
        width: 12,
        queries: [
          {
            expr: `sum by (strategy) (rate(headcni_ip_allocations_total{${on}}${rate}))`,
            legend: "{{strategy}}",
          },
        ],
      },
    ],
  },
  {
    title: "Tailnet",
    panels: [
      {
        title: "Routes by state",
        about: "Own prefixes should serve, those of peers be installed.",
        kind: "timeseries",
        unit: "short",
        width: 8,
        queries: [
          {
            expr: `sum by (kind, state) (headcni_route_state{${on}})`,
            legend: "{{kind}} {{state}}",
          },
        ],
      },
      {
        title: "Paths to peers",
        about: "Direct, through the relay, or none.",
        kind: "timeseries",
        unit: "short",
        width: 8,
        queries: [{ expr: `sum by (path) (headcni_peer_path{${on}})`, legend: "{{path}}" }],
      },
      {
        title: "Repairs of the guard",
        about: "What others changed and the guard restored.",
        kind: "timeseries",
        unit: "short",
        width: 8,
        queries: [
          {
            expr: `sum by (instance, invariant) (increase(headcni_guard_repairs_total{${on}}${rate}))`,
            legend: "{{instance}} {{invariant}}",
          },
        ],
      },
    ],
  },
  {
    title: "Machines",
    panels: [
      {
        title: "States of $machine",
        about: "How many machines of this kind are in each state.",
        kind: "timeseries",
        unit: "short",
        width: 12,
        queries: [
          {
            expr: `sum by (state) (headcni_machines{${on},machine=~"$machine"})`,
            legend: "{{state}}",
          },
        ],
      },
      {
        title: "Transitions of $machine",
        about: "Per second, by the state that was entered.",
        kind: "timeseries",
        unit: "ops",
        width: 12,
        queries: [
          {
            expr: `sum by (to) (rate(headcni_machine_transitions_total{${on},machine=~"$machine"}${rate}))`,
            legend: "{{to}}",
          },
        ],
      },
      {
        title: "Failures by code",
        about: "The daemon's log has the words to each code.",
        kind: "timeseries",
        unit: "ops",
        width: 12,
        queries: [
          {
            expr: `sum by (error_type) (rate(headcni_network_errors_total{${on}}${rate}))`,
            legend: "{{error_type}}",
          },
        ],
      },
      {
        title: "Events that no state took",
        about: "Single ones are harmless; many of one kind need a look.",
        kind: "timeseries",
        unit: "ops",
        width: 12,
        queries: [
          {
            expr: `sum by (machine, event) (rate(headcni_machine_events_ignored_total{${on}}${rate}))`,
            legend: "{{machine}} {{event}}",
          },
        ],
      },
    ],
  },
  {
    title: "The daemon itself",
    panels: [
      {
        title: "Memory",
        about: "Resident memory of the process.",
        kind: "timeseries",
        unit: "bytes",
        width: 8,
        queries: [{ expr: `headcni_process_resident_memory_bytes{${on}}`, legend: "{{instance}}" }],
      },
      {
        title: "CPU",
        about: "Cores in use.",
        kind: "timeseries",
        unit: "short",
        width: 8,
        queries: [{ expr: `rate(headcni_process_cpu_seconds_total{${on}}${rate})`, legend: "{{instance}}" }],
      },
      {
        title: "Delay of the event loop",
        about: "How late work begins.",
        kind: "timeseries",
        unit: "s",
        width: 8,
        queries: [{ expr: `headcni_nodejs_eventloop_lag_seconds{${on}}`, legend: "{{instance}}" }],
      },
    ],
  },
];
