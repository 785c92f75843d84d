import Elk from "elkjs/lib/elk.bundled.js";
import type { ElkExtendedEdge, ElkNode } from "elkjs/lib/elk-api.js";
import type { ChartState, MachineChart } from "../machine-chart.ts";
import type { Area, ChartLayout, LaidBox, LaidRoute } from "./chart-layout.ts";
import {
  anyTitle,
  type Direction,
  type EdgeGroup,
  edgeGroups,
  elkGraph,
  startId,
  stateId,
} from "./elk-graph.ts";
import { stateLines, stateTitle } from "./state-text.ts";

/** Width by height that a picture should rather not exceed in shape: a page is higher than wide. */
const widestShape = 1.6;

/**
 * Places the states and transitions of a chart. The same chart gives the same picture, everywhere: there is no font,
 * no chance and no clock in it. Takes some 10 to 300 ms.
 */
export async function layoutChart(chart: MachineChart): Promise<ChartLayout> {
  const layouts = [await layoutInDirection(chart, "DOWN"), await layoutInDirection(chart, "RIGHT")];
  const [best] = layouts.toSorted((one, other) => cost(one) - cost(other));
  if (best === undefined) throw new Error("no layout was made");
  return best;
}

/** The area of the page that a picture takes, once it is shrunk to the page's width or shape. */
function cost({ width, height }: ChartLayout): number {
  return Math.max(width, height * widestShape) ** 2;
}

async function layoutInDirection(chart: MachineChart, direction: Direction): Promise<ChartLayout> {
  const groups = edgeGroups(chart.edges);
  const laid = await new Elk.default().layout(elkGraph(chart, groups, direction));
  const nodes = new Map([...walk(laid)].map((node) => [node.id, node]));
  return {
    machine: chart.machine,
    width: Math.ceil(laid.width ?? 0),
    height: Math.ceil(laid.height ?? 0),
    boxes: boxesOf(chart, nodes),
    routes: (laid.edges ?? []).map((edge) => routeOf(edge, groups, chart)),
  };
}

function* walk(node: ElkNode): Generator<ElkNode> {
  yield node;
  for (const child of node.children ?? []) yield* walk(child);
}

function boxesOf(chart: MachineChart, nodes: ReadonlyMap<string, ElkNode>): LaidBox[] {
  const found = (id: string, about: Omit<LaidBox, keyof Area>): LaidBox[] => {
    const node = nodes.get(id);
    return node === undefined ? [] : [{ ...about, ...areaOf(node) }];
  };
  return chart.states.flatMap((state) => [
    ...(state.parent === null
      ? found(stateId(""), { path: "", kind: "any", title: anyTitle, lines: [], depth: 0 })
      : found(stateId(state.path), {
          path: state.path,
          kind: state.kind,
          title: stateTitle(state),
          lines: stateLines(state),
          depth: depthOf(state),
        })),
    ...found(startId(state.path), {
      path: state.path,
      kind: "start",
      title: "",
      lines: [],
      depth: state.parent === null ? 0 : depthOf(state) + 1,
    }),
  ]);
}

function depthOf({ path }: ChartState): number {
  return path.split(".").length - 1;
}

function routeOf(edge: ElkExtendedEdge, groups: readonly EdgeGroup[], chart: MachineChart): LaidRoute {
  const group = groups[Number(edge.id)];
  const [section] = edge.sections ?? [];
  const corners =
    section === undefined ? [] : [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
  const points = corners.map(({ x, y }) => ({ x: round(x), y: round(y) }));
  if (group === undefined) {
    const from = edge.id.slice(startId("").length);
    const to = chart.states.find(({ path }) => path === from)?.initial ?? "";
    return { from, to, edges: [], points };
  }
  const [label] = edge.labels ?? [];
  return {
    from: group.from,
    to: group.to,
    edges: group.edges,
    points,
    ...(label !== undefined && { label: { ...areaOf(label), lines: group.lines } }),
  };
}

function areaOf({ x = 0, y = 0, width = 0, height = 0 }: Partial<Area>): Area {
  return { x: round(x), y: round(y), width: round(width), height: round(height) };
}

/** A tenth of a pixel is enough, and keeps the last digits of floating point out of committed files. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}
