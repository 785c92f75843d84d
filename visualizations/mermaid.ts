import type { ChartEdge, ChartState, MachineChart } from "./machine-chart.ts";

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
  const notes = [
    ...(state.limitMs === undefined || state.limitMs === null ? [] : [`limit ${duration(state.limitMs)}`]),
    ...(state.invokes.length === 0 ? [] : [`runs ${state.invokes.join(", ")}`]),
  ];
  const label = state.path.slice(state.path.lastIndexOf(".") + 1);
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
  const label = [causeText(edge), edge.guard === undefined ? "" : `[${edge.guard}]`]
    .filter((part) => part !== "")
    .join(" ");
  return `${from} --> ${name(edge.to)}${label === "" ? "" : ` : ${label}`}`;
}

function causeText({ kind, cause }: ChartEdge): string {
  switch (kind) {
    case "event":
      return cause;
    case "after":
      return `after ${cause}`;
    case "done":
      return `${cause} done`;
    case "failed":
      return `${cause} failed`;
    case "always":
      return "";
    default: {
      const unhandled: never = kind;
      return unhandled;
    }
  }
}

function moving(chart: MachineChart): readonly ChartEdge[] {
  return chart.edges.filter(({ moves }) => moves);
}

/** Mermaid takes no dots in names. */
function name(path: string): string {
  return path.replaceAll(".", "_");
}

function duration(ms: number): string {
  return ms < 1000 ? `${ms} ms` : ms < 120_000 ? `${ms / 1000} s` : `${ms / 60_000} min`;
}
