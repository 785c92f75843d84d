import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { allMachines } from "../../machines/all-machines.ts";
import { machineChart } from "../../machines/chart/machine-chart.ts";

it("docs/states.md names every state of every machine and what it means", async () => {
  const page = await readFile(new URL("../../docs/states.md", import.meta.url), "utf8");
  for (const machine of allMachines) {
    const { states } = machineChart(machine);
    expect(page).toContain(`\n## ${machine.id}\n`);
    for (const { path, about } of states.slice(1)) {
      const row = page.split("\n").find((line) => line.includes(`<a id="${machine.id}.${path}">`));
      expect(row, `${machine.id} ${path}`).toContain(`\`${path}\``);
      if (about !== undefined) expect(row).toContain(about);
    }
  }
});
