import type { ActorTree } from "../actor-tree.ts";
import { textSize, textSizes } from "../layout/text-size.ts";
import { escapeXml, roundedPath } from "./svg-text.ts";
import { svgStyle } from "./svg-theme.ts";

interface PlacedActor {
  readonly actor: ActorTree;
  readonly lines: readonly string[];
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly children: readonly PlacedActor[];
}

const margin = 20;
const columnGap = 44;
const rowGap = 8;
const lineLength = 30;

/** Who runs whom, as an SVG that stands by itself: the root in the middle, its children on both sides, so that one screen holds them. */
export function treeSvg(tree: ActorTree): string {
  const [onLeft, onRight] = halves(tree);
  const right = place(
    { ...tree, children: onRight },
    0,
    margin,
    columnStarts({ ...tree, children: onRight }),
  );
  const left = place({ ...tree, children: onLeft }, 0, margin, columnStarts({ ...tree, children: onLeft }));
  const [leftWidth, rightWidth] = [left, right].map(
    (side) => Math.max(...flatten(side).map((box) => box.x + box.width)) - margin - side.width,
  ) as [number, number];
  const root = { ...right, x: margin + leftWidth, y: Math.round((left.y + right.y) / 2) };
  const mirror = (box: PlacedActor): PlacedActor => ({
    ...box,
    x: root.x + root.width - (box.x - margin) - box.width,
    children: box.children.map(mirror),
  });
  const shift = (box: PlacedActor): PlacedActor => ({
    ...box,
    x: box.x + leftWidth,
    children: box.children.map(shift),
  });
  const children = [...left.children.map(mirror), ...right.children.map(shift)];
  const all = flatten({ ...root, children });
  const width = leftWidth + root.width + rightWidth + 2 * margin;
  const height = Math.max(bottomOf(left), bottomOf(right)) + margin + 20;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="The actors of the daemon">`,
    `<style>${svgStyle}</style>`,
    `<rect class="ground" width="${width}" height="${height}" rx="10"/>`,
    ...children.map((child) => drawLine(root, child)),
    ...children.flatMap(flatten).flatMap((box) => box.children.map((child) => drawLine(box, child))),
    ...all.map(drawActor),
    `<text class="line" x="${margin}" y="${height - 12}">solid: lives as long as a state of its parent · dashed: spawned, one or many · runs: effects without states</text>`,
    "</svg>",
    "",
  ].join("\n");
}

/** The children for the left and the right side, in their order: as many on the left as make both sides about as high. */
function halves({ children }: ActorTree): readonly [readonly ActorTree[], readonly ActorTree[]] {
  const heights = children.map(heightOf);
  const sum = (from: number, to?: number) => heights.slice(from, to).reduce((total, each) => total + each, 0);
  const higherSide = (cut: number) => Math.max(sum(0, cut), sum(cut));
  const cuts = [...heights.keys(), heights.length];
  const best = cuts.reduce((found, cut) => (higherSide(cut) < higherSide(found) ? cut : found), 0);
  return [children.slice(0, best), children.slice(best)];
}

/** Of an actor with all below it, and the gap to the next. */
function heightOf(actor: ActorTree): number {
  const below = actor.children.reduce((total, child) => total + heightOf(child), 0);
  return Math.max(sizeOf(actor).height + rowGap, below);
}

function linesOf({ name, machine, effects }: ActorTree): readonly string[] {
  const lines = name === machine ? [] : [`machine ${machine}`];
  let line = "";
  for (const effect of effects) {
    if (line !== "" && `${line}, ${effect}`.length > lineLength) {
      lines.push(`${line},`);
      line = effect;
    } else line = line === "" ? `runs ${effect}` : `${line}, ${effect}`;
  }
  return line === "" ? lines : [...lines, line];
}

function sizeOf(actor: ActorTree): { readonly width: number; readonly height: number } {
  const title = textSize([actor.name], textSizes.title);
  const lines = textSize(linesOf(actor), textSizes.line);
  return { width: Math.max(title.width, lines.width) + 24, height: title.height + lines.height + 12 };
}

function columnStarts(tree: ActorTree): readonly number[] {
  const widths: number[] = [];
  const measure = (actor: ActorTree, depth: number) => {
    widths[depth] = Math.max(widths[depth] ?? 0, sizeOf(actor).width);
    for (const child of actor.children) measure(child, depth + 1);
  };
  measure(tree, 0);
  return widths.map((_, depth) =>
    widths.slice(0, depth).reduce((sum, width) => sum + width + columnGap, margin),
  );
}

/** A parent stands in the middle of its children. */
function place(actor: ActorTree, depth: number, top: number, columns: readonly number[]): PlacedActor {
  const { width, height } = sizeOf(actor);
  const children: PlacedActor[] = [];
  let next = top;
  for (const child of actor.children) {
    const placed = place(child, depth + 1, next, columns);
    children.push(placed);
    next = bottomOf(placed) + rowGap;
  }
  const [first, last] = [children[0], children.at(-1)];
  const middle =
    first === undefined || last === undefined ? top + height / 2 : (first.y + last.y + last.height) / 2;
  const y = Math.max(top, Math.round(middle - height / 2));
  return { actor, lines: linesOf(actor), x: columns[depth] ?? 0, y, width, height, children };
}

function bottomOf(box: PlacedActor): number {
  return Math.max(box.y + box.height, ...box.children.map(bottomOf));
}

function flatten(box: PlacedActor): readonly PlacedActor[] {
  return [box, ...box.children.flatMap(flatten)];
}

function drawActor({ actor, lines, x, y, width, height }: PlacedActor): string {
  const first = y + 6 + textSizes.title.font;
  return [
    `<rect class="${actor.runs === "spawned" ? "box parallel" : "box"}" x="${x}" y="${y}" width="${width}" height="${height}" rx="7"/>`,
    `<text class="title" x="${x + 12}" y="${first}">${escapeXml(actor.name)}</text>`,
    ...lines.map(
      (line, index) =>
        `<text class="line" x="${x + 12}" y="${first + 3 + (index + 1) * textSizes.line.line}">${escapeXml(line)}</text>`,
    ),
  ].join("");
}

function drawLine(parent: PlacedActor, child: PlacedActor): string {
  const leftward = child.x < parent.x;
  const from = { x: leftward ? parent.x : parent.x + parent.width, y: parent.y + parent.height / 2 };
  const to = { x: leftward ? child.x + child.width : child.x, y: child.y + child.height / 2 };
  const turn = leftward ? to.x + columnGap / 2 : to.x - columnGap / 2;
  return `<path class="route" d="${roundedPath([from, { x: turn, y: from.y }, { x: turn, y: to.y }, to])}"/>`;
}
