import type { ChartEdge, MachineChart } from "../../machines/chart/machine-chart.ts";
import type { Area, ChartLayout, LaidBox, LaidRoute } from "../layout/chart-layout.ts";
import { edgeText } from "../layout/edge-text.ts";
import { textSizes } from "../layout/text-size.ts";
import { escapeXml, roundedPath } from "./svg-text.ts";
import { svgStyle } from "./svg-theme.ts";

/** The chart as an SVG that stands by itself: no script, no font and no file but this one. */
export function chartSvg(chart: MachineChart, layout: ChartLayout): string {
  const { width, height } = layout;
  const about = new Map(chart.states.map(({ path, about: text }) => [path, text]));
  const groups = layout.boxes.filter(isGroup);
  const rest = layout.boxes.filter((box) => !isGroup(box));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="States of the ${escapeXml(chart.machine)} machine">`,
    `<style>${svgStyle}</style>`,
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path class="head" d="M0 0L8 4L0 8z"/></marker>',
    '<marker id="faultHead" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path class="head fault" d="M0 0L8 4L0 8z"/></marker></defs>',
    `<rect class="ground" width="${width}" height="${height}" rx="10"/>`,
    ...groups.map((box) => drawBox(box, about.get(box.path), isCalm(chart, box))),
    ...layout.routes.map((route) => drawLine(route, chart)),
    ...rest.map((box) => drawBox(box, about.get(box.path), isCalm(chart, box))),
    ...layout.routes.map((route) => drawLabel(route, chart, groups)),
    "</svg>",
    "",
  ].join("\n");
}

function isGroup({ kind }: LaidBox): boolean {
  return kind === "compound" || kind === "parallel";
}

/** A state in which the machine may rest for ever. */
function isCalm(chart: MachineChart, { path, kind }: LaidBox): boolean {
  return kind === "atomic" && chart.states.some((state) => state.path === path && state.limitMs === null);
}

function drawBox(box: LaidBox, about: string | undefined, calm: boolean): string {
  const { x, y, width, height, kind, title, lines, depth } = box;
  if (kind === "start")
    return `<circle class="start" cx="${x + width / 2}" cy="${y + height / 2}" r="${width / 2}"/>`;
  const classes = [
    ...(isGroup(box) ? ["group", ...(depth % 2 === 1 ? ["deep"] : [])] : ["box"]),
    ...(kind === "parallel" ? ["parallel"] : []),
    ...(kind === "final" ? ["final"] : []),
    ...(kind === "any" ? ["any"] : []),
    ...(calm ? ["calm"] : []),
  ];
  const left = x + 12;
  const first = y + 6 + textSizes.title.font;
  return [
    "<g>",
    ...(about === undefined ? [] : [`<title>${escapeXml(about)}</title>`]),
    `<rect class="${classes.join(" ")}" x="${x}" y="${y}" width="${width}" height="${height}" rx="7"/>`,
    `<text class="title" x="${left}" y="${first}">${escapeXml(title)}</text>`,
    ...lines.map(
      (line, index) =>
        `<text class="${line.startsWith("limit ") ? "line limit" : "line"}" x="${left}" y="${tenth(first + 3 + (index + 1) * textSizes.line.line)}">${escapeXml(line)}</text>`,
    ),
    "</g>",
  ].join("");
}

function drawLine({ points, edges }: LaidRoute, chart: MachineChart): string {
  const fault = edges.length > 0 && edges.every((index) => chart.edges[index]?.kind === "failed");
  return `<path class="${fault ? "route fault" : "route"}" d="${roundedPath(points)}" marker-end="url(#${fault ? "faultHead" : "head"})"/>`;
}

function drawLabel({ label, edges }: LaidRoute, chart: MachineChart, groups: readonly LaidBox[]): string {
  if (label === undefined) return "";
  const { x, y, width, height, lines } = label;
  const kindOf = (line: string): ChartEdge["kind"] => {
    const edge = edges
      .map((index) => chart.edges[index])
      .find((each) => each !== undefined && edgeText(each).startsWith(line));
    return edge?.kind ?? "always";
  };
  return [
    `<rect class="${plateClass(groupAround(groups, label))}" x="${x}" y="${y}" width="${width}" height="${height}" rx="3"/>`,
    ...lines.map(
      (line, index) =>
        `<text class="cause ${kindOf(line)}" x="${tenth(x + 3)}" y="${tenth(y + 1 + (index + 0.78) * textSizes.label.line)}">${escapeXml(line)}</text>`,
    ),
  ].join("");
}

/** The innermost group that a label stands in: its ground is the label's ground. */
function groupAround(groups: readonly LaidBox[], { x, y, width, height }: Area): LaidBox | undefined {
  const [middle, centre] = [x + width / 2, y + height / 2];
  return groups.findLast(
    (group) =>
      middle > group.x &&
      middle < group.x + group.width &&
      centre > group.y &&
      centre < group.y + group.height,
  );
}

function plateClass(group: LaidBox | undefined): string {
  return group === undefined || group.depth % 2 === 1 ? "plate" : "plate grouped";
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
