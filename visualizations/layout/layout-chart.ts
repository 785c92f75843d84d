import Elk from "elkjs/lib/elk.bundled.js";
import type { ElkExtendedEdge, ElkNode } from "elkjs/lib/elk-api.js";
import type { ChartState, MachineChart } from "../../machines/chart/machine-chart.ts";
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

/** Room of a picture that needs no scrolling. */
const screen = { width: 1600, height: 1100 };

/**
 * Places the states and transitions of a chart. The same chart gives the same picture, everywhere: there is no font,
 * no chance and no clock in it. Takes some 10 to 300 ms.
 */
export async function layoutChart(chart: MachineChart): Promise<ChartLayout> {
  const groups = edgeGroups(chart.edges);
  const regions = regionsOf(chart, groups);
  if (regions.length > 0) return inRows(await Promise.all(regions.map(layoutOf)));
  const directions = ["DOWN", "RIGHT"] as const;
  return bestOf(await Promise.all(directions.map((way) => layoutInDirection(chart, groups, way))));

  /** To the right: an event from the left border does not cross the region's title. */
  function layoutOf(region: string): Promise<ChartLayout> {
    const states = chart.states.filter(({ path, parent }) => parent === null || isWithin(path, region));
    const inside = groups.filter(({ from }) => isWithin(from, region));
    return layoutInDirection({ ...chart, states }, inside, "RIGHT");
  }
}

/** The regions of a machine that is parallel, where no transition leads from one to another. */
function regionsOf({ states }: MachineChart, groups: readonly EdgeGroup[]): readonly string[] {
  if (states.find(({ parent }) => parent === null)?.kind !== "parallel") return [];
  const regions = states.filter(({ parent }) => parent === "").map(({ path }) => path);
  const areApart = groups.every(({ from, to }) =>
    regions.some((region) => isWithin(from, region) && isWithin(to, region)),
  );
  return areApart ? regions : [];
}

function isWithin(path: string, region: string): boolean {
  return path === region || path.startsWith(`${region}.`);
}

/** Parts of a chart beside and below each other, in their order, in the rows that fit a screen best. */
function inRows(parts: readonly ChartLayout[]): ChartLayout {
  const whole = parts.reduce((sum, { width }) => sum + width, 0);
  const widths = [screen.width, ...parts.map((_, index) => whole / (index + 1))];
  return bestOf(widths.map((width) => rowsOf(parts, width)));
}

/** A row ends before it would get wider than `maxWidth`. */
function rowsOf(parts: readonly ChartLayout[], maxWidth: number): ChartLayout {
  let [x, y, width, height] = [0, 0, 0, 0];
  const moved: ChartLayout[] = [];
  for (const part of parts) {
    if (x > 0 && x + part.width > maxWidth) [x, y] = [0, height];
    moved.push(movedBy(part, x, y));
    x += part.width;
    width = Math.max(width, x);
    height = Math.max(height, y + part.height);
  }
  const [{ machine } = { machine: "" }] = parts;
  return {
    machine,
    width,
    height,
    boxes: moved.flatMap(({ boxes }) => boxes),
    routes: moved.flatMap(({ routes }) => routes),
  };
}

function movedBy(layout: ChartLayout, dx: number, dy: number): ChartLayout {
  const move = <Place extends { readonly x: number; readonly y: number }>(place: Place): Place => ({
    ...place,
    x: round(place.x + dx),
    y: round(place.y + dy),
  });
  return {
    ...layout,
    boxes: layout.boxes.map(move),
    routes: layout.routes.map(({ label, points, ...route }) => ({
      ...route,
      points: points.map(move),
      ...(label !== undefined && { label: move(label) }),
    })),
  };
}

/** The one that is shrunk least to fit a screen. */
function bestOf(layouts: readonly ChartLayout[]): ChartLayout {
  const shrunk = ({ width, height }: ChartLayout) => Math.max(width / screen.width, height / screen.height);
  const [best] = layouts.toSorted((one, other) => shrunk(one) - shrunk(other));
  if (best === undefined) throw new Error("no layout was made");
  return best;
}

async function layoutInDirection(
  chart: MachineChart,
  groups: readonly EdgeGroup[],
  direction: Direction,
): Promise<ChartLayout> {
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
