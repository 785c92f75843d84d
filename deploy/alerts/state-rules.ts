import { durationText } from "../../machines/chart/duration-text.ts";
import type { ChartState, MachineChart } from "../../machines/chart/machine-chart.ts";
import type { AlertRule, StateAlert } from "./alert-types.ts";
import { labelPattern, stateMatcher } from "./state-selector.ts";

/** What the rules need besides the alert. */
export interface RuleTerms {
  /** A duration in seconds as PromQL takes it. */
  readonly duration: (seconds: number) => string;
  readonly runbook: (alert: string) => string;
}

/** Two scrapes at the usual interval: one look is not enough to say that a state lasts. */
const minSeconds = 30;

/**
 * The rule for an alert's states of one machine. Where a timer leads out of one of them, the machine goes round: then what
 * counts is that it stays among these states for longer than the longest of their limits. Elsewhere the daemon itself says
 * that a state lasts beyond its limit (`headcni_machine_stuck`). The alert for the states that no other names is always so.
 * A state around all the others that has a limit speaks for them: its time goes on, machine by machine, while they take turns.
 */
export function stateRule(
  alert: StateAlert,
  chart: MachineChart,
  states: readonly ChartState[],
  terms: RuleTerms,
): AlertRule {
  const named = Object.keys(alert.states).length > 0;
  // Where all of a machine is parallel, a problem may move from region to region: what counts is that there is one.
  const isParallel = chart.states.some(({ path, kind }) => path === "" && kind === "parallel");
  const goesRound = named && (isParallel || states.some(({ path }) => leavesByTimer(chart, path)));
  const certain = alert.certain === true;
  const around = named ? states.find((state) => isAround(state, states)) : undefined;
  const rule =
    around !== undefined
      ? aroundRule(alert, chart, around, states)
      : certain || goesRound
        ? roundRule(alert, chart, states, certain)
        : stuckRule(alert, chart, states);
  return {
    alert: alert.alert,
    expr: rule.expr,
    for: terms.duration(rule.forSeconds),
    labels: { severity: alert.severity, machine: chart.machine },
    annotations: { ...rule.annotations, runbook_url: terms.runbook(alert.alert) },
  };
}

interface RulePart {
  readonly expr: string;
  readonly forSeconds: number;
  readonly annotations: { readonly summary: string; readonly description: string };
}

function stuckRule({ matter }: StateAlert, chart: MachineChart, states: readonly ChartState[]): RulePart {
  const selector = `{machine="${chart.machine}",${stateMatcher(pathsOf(states))}}`;
  return {
    expr: `headcni_machine_oldest_seconds${selector} and headcni_machine_stuck${selector} > 0`,
    forSeconds: minSeconds,
    annotations: {
      summary: `${matter}: ${hasBeen}`,
      description: states
        .map(
          (state) => `{{ if match "${labelPattern(state.path)}" $labels.state }}${meaning(state)} {{ end }}`,
        )
        .join(""),
    },
  };
}

function aroundRule(
  alert: StateAlert,
  chart: MachineChart,
  around: ChartState,
  states: readonly ChartState[],
): RulePart {
  const inner = states.filter((state) => state !== around);
  return {
    ...stuckRule(alert, chart, [around]),
    annotations: {
      summary: `${alert.matter}: ${hasBeen}, now in ${statesNow(chart, inner)}`,
      description: meanings(states),
    },
  };
}

const hasBeen =
  "{{ $labels.machine }} on {{ $labels.instance }} has been in {{ $labels.state }} for {{ $value | humanizeDuration }}";

function roundRule(
  { matter }: StateAlert,
  chart: MachineChart,
  states: readonly ChartState[],
  certain: boolean,
): RulePart {
  const selector = `machine="${chart.machine}",${stateMatcher(pathsOf(states))}`;
  const longest = Math.max(...states.map(({ limitMs }) => limitMs ?? 0)) / 1000;
  const forSeconds = certain ? minSeconds : Math.max(minSeconds, longest);
  return {
    expr: `sum without (state) (headcni_machines{${selector}}) > 0`,
    forSeconds,
    annotations: {
      summary: `${matter}: {{ $labels.machine }} on {{ $labels.instance }} is in ${statesNow(chart, states)}, for more than ${durationText(forSeconds * 1000)}`,
      description: meanings(states),
    },
  };
}

/** A template for those of the states in which the node's machines are while the alert fires. */
function statesNow(chart: MachineChart, states: readonly ChartState[]): string {
  const selector = `machine="${chart.machine}",${stateMatcher(pathsOf(states))}`;
  return `{{ range $index, $each := query (printf \`headcni_machines{${selector},instance="%s"} > 0\` $labels.instance) }}{{ if $index }}, {{ end }}{{ $each.Labels.state }}{{ end }}`;
}

function meanings(states: readonly ChartState[]): string {
  return states.map((state) => `${state.path}: ${meaning(state)}`).join(" ");
}

function isAround({ path, kind }: ChartState, states: readonly ChartState[]): boolean {
  return (
    kind === "compound" && states.every((state) => state.path === path || state.path.startsWith(`${path}.`))
  );
}

function pathsOf(states: readonly ChartState[]): readonly string[] {
  return states.map(({ path }) => path);
}

function leavesByTimer(chart: MachineChart, path: string): boolean {
  return chart.edges.some(
    ({ from, kind, moves }) => kind === "after" && moves && (path === from || path.startsWith(`${from}.`)),
  );
}

function meaning({ about = "", limitMs }: ChartState): string {
  return `${about} (limit ${durationText(limitMs ?? 0)}).`;
}
