import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { createMachine } from "xstate";
import { allMachines } from "../../machines/all-machines.ts";
import { type MachineChart, machineChart } from "../../machines/chart/machine-chart.ts";
import { cleanupMachine } from "../../machines/cleanup/cleanup-machine.ts";
import { headcniMachine } from "../../machines/headcni/headcni-machine.ts";
import { wireMachine } from "../../machines/wire/wire-machine.ts";
import { type ActorTree, actorTree } from "../../visualizations/actor-tree.ts";
import { layoutChart } from "../../visualizations/layout/layout-chart.ts";
import { statelyConfig } from "../../visualizations/stately-config.ts";
import { chartSvg } from "../../visualizations/svg/chart-svg.ts";
import { treeSvg } from "../../visualizations/svg/tree-svg.ts";

describe.each(allMachines.map((machine) => [machine.id, machine] as const))(
  "pictures of %s",
  (_, machine) => {
    const chart = machineChart(machine);

    it("as a configuration without code it is the same machine again", () => {
      const text = JSON.stringify(statelyConfig(machine));
      const again = createMachine(JSON.parse(text));
      expect(comparable(machineChart(again))).toEqual(comparable(chart));
    });

    it("as an SVG it names every state, limit and cause", async () => {
      const svg = chartSvg(chart, await layoutChart(chart));
      for (const { path, limitMs, about } of chart.states.slice(1)) {
        expect(svg).toContain(`>${path.slice(path.lastIndexOf(".") + 1)}</text>`);
        if (typeof limitMs === "number") expect(svg).toContain("limit ");
        if (about !== undefined) expect(svg).toContain(`<title>${about.replaceAll('"', "&quot;")}</title>`);
      }
      for (const { cause, moves, kind } of chart.edges)
        if (moves && kind === "event") expect(svg).toContain(cause);
      expect(svg.match(/<g>/g)?.length).toBe(svg.match(/<\/g>/g)?.length);
    });
  },
);

it("the trees of actors hold every machine, and the picture of the daemon's every effect", () => {
  const tree = actorTree(headcniMachine);
  const all = (actor: ActorTree): readonly ActorTree[] => [actor, ...actor.children.flatMap(all)];
  const actors = all(tree);
  // headcni-wire and headcni --cleanup are processes of their own.
  const others = [wireMachine, cleanupMachine].flatMap((root) => all(actorTree(root)));
  const drawn = [...actors, ...others].map(({ machine }) => machine);
  expect(new Set(drawn)).toEqual(new Set(allMachines.map(({ id }) => id)));
  const svg = treeSvg(tree);
  for (const { name, effects } of actors) for (const text of [name, ...effects]) expect(svg).toContain(text);
});

it("the pictures that one begins with fit one screen", async () => {
  for (const name of ["actor-tree", "headcni", "pods", "tailnet"]) {
    const svg = await readFile(
      new URL(`../../visualizations/generated/${name}.svg`, import.meta.url),
      "utf8",
    );
    const [, width, height] = / width="(\d+)" height="(\d+)"/.exec(svg) ?? [];
    expect(Number(width), name).toBeLessThanOrEqual(1920);
    expect(Number(height), name).toBeLessThanOrEqual(1080);
  }
});

it("the page of pictures shows every machine", async () => {
  const page = await readFile(new URL("../../visualizations/README.md", import.meta.url), "utf8");
  for (const { id } of allMachines) expect(page).toContain(`](generated/${id}.svg)`);
});

/** Numbers of delays are code, not configuration; composite guards come back as a single name. */
function comparable({ states, edges }: MachineChart) {
  return { states, edges: edges.map(({ delayMs: _, ...edge }) => edge) };
}
