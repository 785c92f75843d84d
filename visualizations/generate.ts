/**
 * `npm run diagrams` writes what is generated from the machines: their pictures (visualizations/README.md lists them),
 * docs/states.md and the alert rules; with `--check` it writes nothing and fails when a committed file differs.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { AnyStateMachine } from "xstate";
import { watchedStates } from "../deploy/alerts/alert-rules.ts";
import { rulesDrifted, writeRules } from "../deploy/alerts/rules-file.ts";
import { inspectorChartsFile } from "../deploy/inspector-page.ts";
import { allMachines } from "../machines/all-machines.ts";
import { machineChart } from "../machines/chart/machine-chart.ts";
import { headcniMachine } from "../machines/headcni/headcni-machine.ts";
import { actorTree } from "./actor-tree.ts";
import type { InspectorChart } from "./inspector-charts.ts";
import { layoutChart } from "./layout/layout-chart.ts";
import { statelyConfig } from "./stately-config.ts";
import { statesPage } from "./states-page.ts";
import { chartSvg } from "./svg/chart-svg.ts";
import { treeSvg } from "./svg/tree-svg.ts";

const folder = join(import.meta.dirname, "generated");
const statesFile = join(import.meta.dirname, "..", "docs", "states.md");

async function pictures(): Promise<ReadonlyMap<string, string>> {
  const files: (readonly [string, string])[] = [["actor-tree.svg", treeSvg(actorTree(headcniMachine))]];
  const charts: string[] = [];
  for (const machine of allMachines) {
    const chart = machineChart(machine);
    const laidOut: InspectorChart = { chart, layout: await layoutChart(chart) };
    files.push(...picturesOf(machine, laidOut));
    charts.push(JSON.stringify(laidOut));
  }
  // A line per machine: a change of one machine is a change of one line.
  files.push([inspectorChartsFile, `[\n${charts.join(",\n")}\n]\n`]);
  return new Map(files);
}

function picturesOf(
  machine: AnyStateMachine,
  { chart, layout }: InspectorChart,
): (readonly [string, string])[] {
  return [
    [`${chart.machine}.svg`, chartSvg(chart, layout)],
    [`stately/${chart.machine}.json`, json(statelyConfig(machine))],
  ];
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** docs/states.md as it should be. */
function states(): string {
  const watched = watchedStates();
  return statesPage(allMachines.map(machineChart), (machine, path) =>
    watched
      .filter(({ chart, state }) => chart.machine === machine && state.path === path)
      .map(({ alert }) => alert.alert),
  );
}

/** Names of the files that differ from what the machines say, or that belong to no machine. */
export async function driftedPictures(): Promise<readonly string[]> {
  const wanted = await pictures();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const found = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  const drifted: string[] = found.filter((file) => !wanted.has(file));
  for (const [file, text] of wanted) {
    const have = await readFile(join(folder, file), "utf8").catch(() => "");
    if (have !== text) drifted.push(file);
  }
  if ((await readFile(statesFile, "utf8").catch(() => "")) !== states()) drifted.push("docs/states.md");
  if (await rulesDrifted()) drifted.push("deploy/alerts/headcni.rules.yaml, or the chart's");
  return drifted.toSorted();
}

async function writePictures(): Promise<void> {
  const files = await pictures();
  await rm(folder, { recursive: true, force: true });
  for (const [file, text] of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }
  await writeFile(statesFile, states());
  await writeRules();
}

if (import.meta.main) {
  if (process.argv.includes("--check")) {
    const drifted = await driftedPictures();
    if (drifted.length > 0) {
      console.error(`Diagrams differ from the machines; run "npm run diagrams": ${drifted.join(", ")}`);
      process.exitCode = 1;
    }
  } else await writePictures();
}
