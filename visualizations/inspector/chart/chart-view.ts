import type { InspectorChart } from "../../inspector-charts.ts";
import type { LaidBox, LaidRoute } from "../../layout/chart-layout.ts";
import { edgeText } from "../../layout/edge-text.ts";
import { element, part, setAttributes, shape } from "../dom/dom.ts";
import type { Seen } from "../model/selection.ts";

export interface ChartView {
  /** Shows a machine's chart with its live state lit and its last transition marked. */
  render(chart: InspectorChart | undefined, seen: Seen | null): void;
  zoom(by: "in" | "out" | "fit"): void;
}

/** Below this size its text cannot be read: until somebody asks for the whole, a larger chart is scrolled to its live state. */
const smallestReadable = 0.65;
const largestFit = 1.25;
const step = 1.2;

interface Drawn {
  readonly chart: InspectorChart;
  readonly svg: SVGSVGElement;
  readonly boxes: ReadonlyMap<string, SVGElement>;
  readonly routes: readonly { readonly route: LaidRoute; readonly group: SVGElement }[];
}

export function createChartView(): ChartView {
  const box = part("chart", HTMLElement);
  let drawn: Drawn | null = null;
  /** What was asked for since the chart is shown. */
  let scale: number | "readable" | "whole" = "readable";
  let shown = "";

  function factor(): number {
    if (typeof scale === "number") return scale;
    if (drawn === null) return 1;
    const { width, height } = drawn.chart.layout;
    const whole = Math.min((box.clientWidth - 8) / width, (box.clientHeight - 8) / height, largestFit);
    return scale === "whole" ? whole : Math.max(smallestReadable, whole);
  }

  function resize(): void {
    if (drawn === null) return;
    const { width, height } = drawn.chart.layout;
    setAttributes(drawn.svg, {
      width: Math.floor(width * factor()),
      height: Math.floor(height * factor()),
    });
  }

  function draw(chart: InspectorChart | undefined): void {
    if (chart === drawn?.chart && drawn !== null) return;
    drawn = chart === undefined ? null : drawChart(chart);
    scale = "readable";
    shown = "";
    box.replaceChildren(drawn?.svg ?? element("p", { class: "empty" }, "Choose a machine to see its chart."));
    resize();
  }

  /** Scrolls the lit state into the middle when it is out of sight. */
  function reveal(path: string): void {
    const target = drawn?.boxes.get(path);
    if (target === undefined) return;
    const [outer, inner] = [box.getBoundingClientRect(), target.getBoundingClientRect()];
    const inside =
      inner.left >= outer.left &&
      inner.right <= outer.right &&
      inner.top >= outer.top &&
      inner.bottom <= outer.bottom;
    if (inside) return;
    box.scrollBy({
      left: inner.left + inner.width / 2 - outer.left - outer.width / 2,
      top: inner.top + inner.height / 2 - outer.top - outer.height / 2,
    });
  }

  new ResizeObserver(resize).observe(box);

  return {
    render(chart, seen) {
      draw(chart);
      if (drawn === null || seen === null) return;
      const key = `${seen.paths.join(" ")}|${seen.edges.join(" ")}|${seen.past?.seq ?? "now"}|${seen.actor.key}`;
      if (key === shown) return;
      shown = key;
      mark(drawn, seen);
      setAttributes(box, { "aria-label": `Statechart of ${seen.actor.machine}, in state ${seen.state}` });
      reveal(seen.paths[0] ?? "");
    },
    zoom(by) {
      scale = by === "fit" ? "whole" : Math.max(0.2, Math.min(3, factor() * (by === "in" ? step : 1 / step)));
      resize();
    },
  };
}

function mark({ boxes, routes }: Drawn, { paths, edges, past, actor }: Seen): void {
  for (const [path, group] of boxes) {
    const lit = paths.includes(path);
    const around = !lit && paths.some((active) => active.startsWith(`${path}.`));
    setAttributes(group, {
      "data-lit": lit
        ? actor.ended === true && past === null
          ? "ended"
          : past === null
            ? "now"
            : "past"
        : undefined,
      "data-around": around,
    });
  }
  for (const { route, group } of routes) {
    const taken = route.edges.some((edge) => edges.includes(edge));
    setAttributes(group, { "data-taken": taken });
    // Drawn last, it is not crossed by others.
    if (taken) group.parentNode?.append(group);
  }
}

function drawChart(chart: InspectorChart): Drawn {
  const { layout } = chart;
  const boxes = new Map<string, SVGElement>();
  const boxLayer = shape("g");
  const routeLayer = shape("g");
  for (const box of layout.boxes) {
    const group = drawBox(box, chart);
    boxLayer.append(group);
    if (box.kind !== "start" && box.kind !== "any") boxes.set(box.path, group);
  }
  const routes = layout.routes.map((route) => ({ route, group: drawRoute(route, chart) }));
  routeLayer.append(...routes.map(({ group }) => group));
  const svg = shape(
    "svg",
    { viewBox: `0 0 ${layout.width} ${layout.height}`, class: "chart", "aria-hidden": "true" },
    shape("defs", {}, arrowHead("head"), arrowHead("head-taken")),
    boxLayer,
    routeLayer,
  );
  return { chart, svg, boxes, routes };
}

function arrowHead(id: string): SVGElement {
  const attributes = {
    id,
    viewBox: "0 0 8 8",
    refX: 7,
    refY: 4,
    markerWidth: 7,
    markerHeight: 7,
    orient: "auto",
  };
  return shape("marker", attributes, shape("path", { d: "M0,0.8 L7.5,4 L0,7.2 z" }));
}

function drawBox(box: LaidBox, { chart }: InspectorChart): SVGElement {
  const { x, y, width, height, kind, title, lines, depth } = box;
  if (kind === "start") {
    return shape("circle", { class: "start", cx: x + width / 2, cy: y + height / 2, r: width / 2 - 1 });
  }
  const outer = kind === "compound" || kind === "parallel";
  const middle = x + width / 2;
  const state = chart.states.find(({ path }) => path === box.path);
  const group = shape(
    "g",
    { class: "box", "data-kind": kind, "data-depth": depth % 2 },
    shape(
      "title",
      {},
      [box.path === "" ? title : box.path, ...lines, state?.about ?? ""]
        .filter((line) => line !== "")
        .join("\n"),
    ),
    shape("rect", { x, y, width, height, rx: kind === "any" ? height / 2 : 8 }),
  );
  if (kind === "final") {
    group.append(
      shape("rect", { class: "inner", x: x + 3, y: y + 3, width: width - 6, height: height - 6, rx: 6 }),
    );
  }
  group.append(
    shape(
      "text",
      { class: "title", x: outer ? x + 12 : middle, y: y + 19, "text-anchor": outer ? "start" : "middle" },
      title,
    ),
  );
  for (const [index, line] of lines.entries()) {
    const place = { x: outer ? x + 12 : middle, y: y + 33 + index * 14 };
    group.append(shape("text", { class: "line", ...place, "text-anchor": outer ? "start" : "middle" }, line));
  }
  return group;
}

function drawRoute({ points, label, edges, from, to }: LaidRoute, { chart }: InspectorChart): SVGElement {
  const about = edges.map((index) => {
    const edge = chart.edges[index];
    return edge === undefined ? "" : edgeText(edge);
  });
  const group = shape(
    "g",
    { class: "route" },
    shape("title", {}, [`${from === "" ? "any state" : from} → ${to}`, ...about].join("\n")),
    shape("path", { class: "wide", d: pathOf(points) }),
    shape("path", { class: "line", d: pathOf(points) }),
  );
  if (label !== undefined) {
    const { x, y, width, height, lines } = label;
    group.append(shape("rect", { class: "plate", x, y, width, height, rx: 3 }));
    for (const [index, line] of lines.entries()) {
      group.append(
        shape(
          "text",
          { class: "label", x: x + width / 2, y: y + 11 + index * 14, "text-anchor": "middle" },
          line,
        ),
      );
    }
  }
  return group;
}

/** A line with round corners. */
function pathOf(points: LaidRoute["points"]): string {
  const radius = 6;
  const commands = points.map(({ x, y }, index) => {
    const [before, after] = [points[index - 1], points[index + 1]];
    if (before === undefined) return `M${x},${y}`;
    if (after === undefined) return `L${x},${y}`;
    const start = toward({ x, y }, before, radius);
    const end = toward({ x, y }, after, radius);
    return `L${start.x},${start.y} Q${x},${y} ${end.x},${end.y}`;
  });
  return commands.join(" ");
}

type Point = LaidRoute["points"][number];

/** The point on the way from one to the other, at most half of it away. */
function toward(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const part = length === 0 ? 0 : Math.min(distance, length / 2) / length;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}
