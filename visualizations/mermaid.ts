import type { ChartEdge, ChartState, MachineChart } from "../machines/chart/machine-chart.ts";
import { edgeText } from "./layout/edge-text.ts";
import { stateLines, stateTitle } from "./layout/state-text.ts";

/** The chart as a Mermaid `stateDiagram-v2`. Edges of a compound state are drawn from that state. */
export function mermaid(chart: MachineChart): string {
  const inner = (parent: string, depth: number): string[] =>
    chart.states
      .filter((state) => state.parent === parent)
      .flatMap((state) => drawState(state, depth, inner));
  const root = chart.states.find(({ path }) => path === "");
  const everywhere = moving(chart).filter(({ from }) => from === "");
  return [
    "stateDiagram-v2",
    ...(root?.initial === undefined ? [] : [`  [*] --> ${name(root.initial)}`]),
    ...inner("", 1),
    ...(everywhere.length === 0 ? [] : ['  state "in any state" as anyState']),
    ...moving(chart).map((edge) => `  ${drawEdge(edge)}`),
    ...chart.states.filter(({ kind }) => kind === "final").map(({ path }) => `  ${name(path)} --> [*]`),
    "",
  ].join("\n");
}

function drawState(
  state: ChartState,
  depth: number,
  inner: (parent: string, depth: number) => string[],
): string[] {
  const indent = "  ".repeat(depth);
  const notes = stateLines(state);
  const label = stateTitle(state);
  const lines = [`${indent}${name(state.path)} : ${[label, ...notes].join("\\n")}`];
  const children = inner(state.path, depth + 1);
  if (children.length === 0) return lines;
  const start = state.initial === undefined ? [] : [`${indent}  [*] --> ${name(state.initial)}`];
  return [
    `${indent}state "${[label, ...notes].join(" / ")}" as ${name(state.path)} {`,
    ...start,
    ...children,
    `${indent}}`,
  ];
}

function drawEdge(edge: ChartEdge): string {
  const from = edge.from === "" ? "anyState" : name(edge.from);
  const label = edgeText(edge);
  return `${from} --> ${name(edge.to)}${label === "" ? "" : ` : ${label}`}`;
}

function moving(chart: MachineChart): readonly ChartEdge[] {
  return chart.edges.filter(({ moves }) => moves);
}

/** Mermaid takes no dots in names. */
function name(path: string): string {
  return path.replaceAll(".", "_");
}
