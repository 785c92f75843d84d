import type { MachineChart } from "../machines/chart/machine-chart.ts";
import type { ChartLayout } from "./layout/chart-layout.ts";
import { edgeText } from "./layout/edge-text.ts";
import type { Json } from "./stately-config.ts";

/**
 * The chart as a graph of nodes and edges with places, as `createGraph` of `@statelyai/graph` takes it
 * (ids, `parentId`, `initialNodeId`, `sourceId`, `targetId`, rectangles). A state's id is its path; the machine's, its name.
 */
export function graphJson(chart: MachineChart, layout: ChartLayout): Json {
  const id = (path: string) => (path === "" ? chart.machine : path);
  const boxes = new Map(
    layout.boxes.filter(({ kind }) => kind !== "start" && kind !== "any").map((box) => [box.path, box]),
  );
  return {
    id: chart.machine,
    type: "directed",
    nodes: chart.states.map(({ path, parent, initial, kind, limitMs, about, invokes }) => {
      const box = boxes.get(path) ?? { x: 0, y: 0, width: layout.width, height: layout.height };
      return {
        id: id(path),
        label: path === "" ? chart.machine : path.slice(path.lastIndexOf(".") + 1),
        ...(parent !== null && { parentId: id(parent) }),
        ...(initial !== undefined && { initialNodeId: initial }),
        x: box.x,
        y: box.y,
        width: box.width,
        height: box.height,
        data: {
          kind,
          invokes,
          ...(limitMs !== undefined && { limitMs }),
          ...(about !== undefined && { about }),
        },
      };
    }),
    edges: chart.edges.map((edge, index) => ({
      id: `${chart.machine}:${index}`,
      sourceId: id(edge.from),
      targetId: id(edge.to),
      label: edgeText(edge),
      data: { ...edge },
    })),
  };
}
