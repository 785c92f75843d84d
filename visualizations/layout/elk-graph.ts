import type { ElkExtendedEdge, ElkNode, LayoutOptions } from "elkjs/lib/elk-api.js";
import type { ChartEdge, ChartState, MachineChart } from "../../machines/chart/machine-chart.ts";
import { edgeText } from "./edge-text.ts";
import { stateLines, stateTitle } from "./state-text.ts";
import { textSize, textSizes } from "./text-size.ts";

export type Direction = "DOWN" | "RIGHT";

/** Transitions between the same two states, by their indexes in the chart. */
export interface EdgeGroup {
  readonly from: string;
  readonly to: string;
  readonly edges: readonly number[];
  readonly lines: readonly string[];
}

/** A chart as ELK takes it: nested nodes, and edges whose ids are indexes into `groups` (or "start:<path>"). */
export function elkGraph(chart: MachineChart, groups: readonly EdgeGroup[], direction: Direction): ElkNode {
  const root = chart.states.find(({ parent }) => parent === null);
  const fromAnywhere = groups.some(({ from }) => from === "");
  const children = root === undefined ? [] : childNodes(chart, root);
  return {
    id: "root",
    layoutOptions: rootOptions(direction),
    children: fromAnywhere ? [...children, anyNode()] : children,
    edges: [...startEdges(chart), ...groups.map(groupEdge)],
  };
}

/** Only transitions that move are drawn; those that stay and run actions are in the chart's own data. */
export function edgeGroups(edges: readonly ChartEdge[]): readonly EdgeGroup[] {
  const groups = new Map<string, { from: string; to: string; edges: number[]; lines: string[] }>();
  for (const [index, edge] of edges.entries()) {
    if (!edge.moves) continue;
    const key = `${edge.from} ${edge.to}`;
    const group = groups.get(key) ?? { from: edge.from, to: edge.to, edges: [], lines: [] };
    groups.set(key, group);
    group.edges.push(index);
    const text = edgeText(edge);
    if (text !== "" && !group.lines.includes(text)) group.lines.push(text);
  }
  return [...groups.values()].map((group) => ({ ...group, lines: narrow(group.lines) }));
}

/** A lone long label becomes two lines, its guard below its cause. */
function narrow(lines: readonly string[]): readonly string[] {
  const [only = ""] = lines;
  const guardAt = only.indexOf(" [");
  if (lines.length !== 1 || only.length < 20 || guardAt < 0) return lines;
  return [only.slice(0, guardAt), only.slice(guardAt + 1)];
}

function rootOptions(direction: Direction): LayoutOptions {
  return {
    "elk.algorithm": "layered",
    "elk.direction": direction,
    "elk.hierarchyHandling": "INCLUDE_CHILDREN",
    "elk.json.shapeCoords": "ROOT",
    "elk.json.edgeCoords": "ROOT",
    "elk.edgeRouting": "ORTHOGONAL",
    "elk.randomSeed": "1",
    "elk.padding": "[top=16,left=16,bottom=16,right=16]",
    "elk.spacing.nodeNode": "28",
    "elk.spacing.edgeNode": "18",
    "elk.spacing.edgeEdge": "12",
    "elk.spacing.edgeLabel": "4",
    "elk.layered.spacing.nodeNodeBetweenLayers": "16",
    "elk.layered.spacing.edgeNodeBetweenLayers": "8",
    "elk.layered.spacing.edgeEdgeBetweenLayers": "7",
    "elk.layered.compaction.postCompaction.strategy": "EDGE_LENGTH",
    "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
    "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
    "elk.layered.nodePlacement.favorStraightEdges": "true",
    "elk.layered.thoroughness": "20",
  };
}

function childNodes(chart: MachineChart, parent: ChartState): ElkNode[] {
  const states = chart.states.filter((state) => state.parent === parent.path);
  const nodes = states.map((state) => stateNode(chart, state));
  return parent.initial === undefined
    ? nodes
    : [{ id: startId(parent.path), width: 10, height: 10 }, ...nodes];
}

function stateNode(chart: MachineChart, state: ChartState): ElkNode {
  const title = textSize([stateTitle(state)], textSizes.title);
  const lines = textSize(stateLines(state), textSizes.line);
  const width = Math.max(title.width, lines.width) + 24;
  const height = title.height + lines.height + 12;
  const id = stateId(state.path);
  if (state.kind !== "compound" && state.kind !== "parallel") return { id, width, height };
  return {
    id,
    children: childNodes(chart, state),
    layoutOptions: {
      "elk.padding": `[top=${height + 10},left=16,bottom=16,right=16]`,
      "elk.nodeSize.constraints": "MINIMUM_SIZE",
      "elk.nodeSize.minimum": `(${width}, ${height + 30})`,
    },
  };
}

function anyNode(): ElkNode {
  const { width, height } = textSize([anyTitle], textSizes.title);
  return { id: stateId(""), width: width + 24, height: height + 12 };
}

/** What the picture calls the whole machine where an edge leaves from any of its states. */
export const anyTitle = "in any state";

export function stateId(path: string): string {
  return `state:${path}`;
}

export function startId(path: string): string {
  return `start:${path}`;
}

function startEdges(chart: MachineChart): ElkExtendedEdge[] {
  return chart.states.flatMap(({ path, initial }) =>
    initial === undefined
      ? []
      : [{ id: startId(path), sources: [startId(path)], targets: [stateId(initial)] }],
  );
}

function groupEdge({ from, to, lines }: EdgeGroup, index: number): ElkExtendedEdge {
  const { width, height } = textSize(lines, textSizes.label);
  return {
    id: String(index),
    sources: [stateId(from)],
    targets: [stateId(to)],
    ...(lines.length > 0 && {
      labels: [
        {
          text: lines.join("\n"),
          width: width + 6,
          height: height + 2,
          layoutOptions: { "elk.edgeLabels.inline": "true" },
        },
      ],
    }),
  };
}
