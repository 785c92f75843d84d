import type { ChartState, MachineChart } from "../../visualizations/machine-chart.ts";

/**
 * The label matcher for a machine in one of these states (paths of states without children). A state of a machine with
 * parallel regions is named like "working.(pods.current+suspicion.calm+reclaiming.resting)" (src/observe/state-name.ts).
 */
export function stateMatcher(chart: MachineChart, paths: readonly string[]): string {
  const [only = ""] = paths;
  const region = paths.map((path) => regionOf(chart, path));
  if (paths.length === 1 && region[0] === undefined) return `state="${only}"`;
  const parts = paths.map((path, index) => {
    const within = region[index];
    return within === undefined ? quoted(path) : `(.*[(+])?${quoted(within)}([)+].*)?`;
  });
  return `state=~"${parts.join("|")}"`;
}

/** Whether the label of a live state says that the machine is in the state of this path. */
export function isInState(chart: MachineChart, path: string, label: string): boolean {
  const within = regionOf(chart, path);
  return within === undefined
    ? label === path
    : new RegExp(`^(.*[(+])?${quoted(within)}([)+].*)?$`).test(label);
}

/** A regular expression, in Go's template syntax for `match`, that finds the state in a label. */
export function labelPattern(chart: MachineChart, path: string): string {
  const within = regionOf(chart, path);
  return within === undefined ? `^${quoted(path)}$` : `(^|[(+])${quoted(within)}($|[)+])`;
}

/**
 * The part of the path that begins with a region of a parallel state; undefined where nothing is parallel, and for a state
 * around others: its series has its path alone.
 */
function regionOf(chart: MachineChart, path: string): string | undefined {
  if (chart.states.some((state) => state.path === path && state.kind === "compound")) return undefined;
  const parallel = chart.states.find((state) => state.kind === "parallel" && isInside(path, state));
  if (parallel === undefined) return undefined;
  return parallel.path === "" ? path : path.slice(parallel.path.length + 1);
}

function isInside(path: string, state: ChartState): boolean {
  return state.path === "" || path.startsWith(`${state.path}.`);
}

function quoted(text: string): string {
  return text.replaceAll(".", "[.]");
}
