/**
 * `npm run diagrams` writes one Mermaid diagram and one JSON chart per machine into `generated/`;
 * with `--check` it writes nothing and fails when a committed picture differs from the machine that runs.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { allMachines } from "../machines/all-machines.ts";
import { machineChart } from "./machine-chart.ts";
import { mermaid } from "./mermaid.ts";

const folder = new URL("generated/", import.meta.url);

function pictures(): ReadonlyMap<string, string> {
  return new Map(
    allMachines.flatMap((machine) => {
      const chart = machineChart(machine);
      return [
        [`${chart.machine}.mmd`, mermaid(chart)],
        [`${chart.machine}.json`, `${JSON.stringify(chart, undefined, 2)}\n`],
      ];
    }),
  );
}

/** Names of the files that differ from what the machines say, or that belong to no machine. */
export async function driftedPictures(): Promise<readonly string[]> {
  const wanted = pictures();
  const found = await readdir(folder).catch((): string[] => []);
  const drifted: string[] = found.filter((file) => !wanted.has(file));
  for (const [file, text] of wanted) {
    const have = await readFile(new URL(file, folder), "utf8").catch(() => "");
    if (have !== text) drifted.push(file);
  }
  return drifted.toSorted();
}

async function writePictures(): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [file, text] of pictures()) await writeFile(new URL(file, folder), text);
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
