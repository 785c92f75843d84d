import { describe, expect, it } from "vitest";
import { allMachines } from "../../machines/all-machines.ts";
import { machineChart } from "../../machines/chart/machine-chart.ts";
import type { Area, ChartLayout, LaidBox } from "../../visualizations/layout/chart-layout.ts";
import { layoutChart } from "../../visualizations/layout/layout-chart.ts";

const slack = 0.2;

describe.each(allMachines.map((machine) => [machine.id, machine] as const))(
  "the layout of %s",
  (_, machine) => {
    const chart = machineChart(machine);

    it("draws each state within its parent, apart from its siblings, and each transition that moves", async () => {
      const layout = await layoutChart(chart);
      const states = layout.boxes.filter(({ kind }) => kind !== "start" && kind !== "any");
      expect(states.map(({ path }) => path)).toEqual(chart.states.map(({ path }) => path).slice(1));
      for (const box of states) {
        expect(holds(frameOf(layout, chart.states.find(({ path }) => path === box.path)?.parent), box)).toBe(
          true,
        );
        for (const other of states)
          if (!related(box, other)) expect(overlap(box, other), `${box.path} and ${other.path}`).toBe(false);
      }
      const moving = chart.edges.flatMap(({ moves }, index) => (moves ? [index] : []));
      const drawn = layout.routes.flatMap(({ edges }) => edges).toSorted((one, other) => one - other);
      expect(drawn).toEqual(moving);
    });

    it("ends each line at its states and keeps its label in the picture", async () => {
      const layout = await layoutChart(chart);
      for (const { from, to, points, label, edges } of layout.routes) {
        expect(points.length, `${from} to ${to}`).toBeGreaterThan(1);
        expect(touches(boxOf(layout, to), points.at(-1)), `${from} to ${to}`).toBe(true);
        if (edges.length > 0) expect(touches(boxOf(layout, from), points[0]), `${from} to ${to}`).toBe(true);
        if (label !== undefined)
          expect(holds({ x: 0, y: 0, ...layout }, label), `${from} to ${to}`).toBe(true);
      }
    });
  },
);

it.each(["headcni", "health", "pods", "pod", "tailnet"])("%s fits a screen of 1600 x 1100", async (id) => {
  const machine = allMachines.find((one) => one.id === id);
  if (machine === undefined) throw new Error(`there is no machine ${id}`);
  const { width, height } = await layoutChart(machineChart(machine));
  expect(width).toBeLessThanOrEqual(1600);
  expect(height).toBeLessThanOrEqual(1100);
});

it("the same chart gives the same layout", async () => {
  const [machine] = allMachines;
  if (machine === undefined) throw new Error("there are no machines");
  expect(await layoutChart(machineChart(machine))).toEqual(await layoutChart(machineChart(machine)));
});

function boxOf({ boxes }: ChartLayout, path: string): LaidBox {
  const box = boxes.find((candidate) => candidate.path === path && candidate.kind !== "start");
  if (box === undefined) throw new Error(`${path} has no box`);
  return box;
}

function frameOf(layout: ChartLayout, parent: string | null | undefined): Area {
  return parent === ""
    ? { x: 0, y: 0, width: layout.width, height: layout.height }
    : boxOf(layout, parent ?? "");
}

function holds(outer: Area, inner: Area): boolean {
  return (
    inner.x >= outer.x - slack &&
    inner.y >= outer.y - slack &&
    inner.x + inner.width <= outer.x + outer.width + slack &&
    inner.y + inner.height <= outer.y + outer.height + slack
  );
}

function overlap(one: Area, other: Area): boolean {
  return (
    one.x < other.x + other.width - slack &&
    other.x < one.x + one.width - slack &&
    one.y < other.y + other.height - slack &&
    other.y < one.y + one.height - slack
  );
}

/** One state is the other, or lies in it. */
function related(one: LaidBox, other: LaidBox): boolean {
  const [a, b] = [`${one.path}.`, `${other.path}.`];
  return a.startsWith(b) || b.startsWith(a);
}

function touches(box: Area, point: { readonly x: number; readonly y: number } | undefined): boolean {
  return point !== undefined && holds(box, { ...point, width: 0, height: 0 });
}
