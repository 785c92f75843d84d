import { allMachines } from "../../machines/all-machines.ts";
import { type ChartState, type MachineChart, machineChart } from "../../machines/chart/machine-chart.ts";
import { cleanupMachine } from "../../machines/cleanup/cleanup-machine.ts";
import type { AlertRule, MetricAlert, StateAlert } from "./alert-types.ts";
import { metricAlerts } from "./metric-alerts.ts";
import { stateAlerts, stuckAlert } from "./state-alerts.ts";
import { type RuleTerms, stateRule } from "./state-rules.ts";

/** Where the pages of the alerts are read. */
const runbooks = "https://github.com/headcni/headcni/blob/main/docs/runbooks";

/** A state with a limit, and the alert that watches it. */
export interface WatchedState {
  readonly chart: MachineChart;
  readonly state: ChartState;
  readonly alert: StateAlert;
}

/** Every state with a limit, of every machine, with each alert that watches it: `stuckAlert` where none names it. */
export function watchedStates(): readonly WatchedState[] {
  // A cleanup is over in a minute and is never scraped.
  const scraped = allMachines.filter((machine) => machine !== cleanupMachine);
  return scraped.map(machineChart).flatMap((chart) =>
    chart.states
      .filter(({ limitMs }) => typeof limitMs === "number")
      .flatMap((state) => {
        const named = stateAlerts.filter((alert) => names(alert, chart, state));
        const alerts = named.length > 0 ? named : [{ ...stuckAlert, states: {} }];
        return alerts.map((alert) => ({ chart, state, alert }));
      }),
  );
}

/** Names in the table of alerts that no state with a limit has: misspelt, or gone from the machine. */
export function unknownStates(): readonly string[] {
  const watched = watchedStates();
  return stateAlerts.flatMap(({ alert, states }) =>
    Object.entries(states).flatMap(([machine, paths]) =>
      paths
        .filter(
          (path) => !watched.some(({ chart, state }) => chart.machine === machine && covers(path, state)),
        )
        .map((path) => `${alert}: ${machine} ${path}`),
    ),
  );
}

/** All rules in groups by machine. `speed` divides how long each must hold: the same rules for a test that cannot wait. */
export function alertRules(
  speed = 1,
): readonly { readonly name: string; readonly rules: readonly AlertRule[] }[] {
  const terms: RuleTerms = {
    duration: (seconds) => promDuration(seconds / speed),
    runbook: (alert) => `${runbooks}/${alert}.md`,
  };
  const byMachine = Map.groupBy(watchedStates(), ({ chart }) => chart.machine);
  const groups = [...byMachine].map(([machine, watched]) => ({
    name: `headcni-${machine}`,
    rules: [...Map.groupBy(watched, ({ alert }) => alert.alert).values()].flatMap((same) => {
      const [first] = same;
      return first === undefined
        ? []
        : [
            stateRule(
              first.alert,
              first.chart,
              same.map(({ state }) => state),
              terms,
            ),
          ];
    }),
  }));
  return [
    { name: "headcni-numbers", rules: metricAlerts.map((alert) => metricRule(alert, terms)) },
    ...groups,
  ];
}

function metricRule(
  { alert, severity, expr, forSeconds, summary, description }: MetricAlert,
  terms: RuleTerms,
): AlertRule {
  return {
    alert,
    expr,
    for: terms.duration(forSeconds),
    labels: { severity },
    annotations: { summary, description, runbook_url: terms.runbook(alert) },
  };
}

function names(alert: StateAlert, chart: MachineChart, state: ChartState): boolean {
  return (alert.states[chart.machine] ?? []).some((path) => covers(path, state));
}

function covers(path: string, state: ChartState): boolean {
  return state.path === path || state.path.startsWith(`${path}.`);
}

/** PromQL's durations have no fractions: milliseconds below a whole second. */
function promDuration(seconds: number): string {
  return Number.isInteger(seconds) ? `${seconds}s` : `${Math.round(seconds * 1000)}ms`;
}
