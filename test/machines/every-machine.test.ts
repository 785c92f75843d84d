import { globSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { allMachines } from "../../machines/all-machines.ts";
import { brokenRules } from "../support/machines/machine-rules.ts";
import { stateNodes } from "../support/machines/state-nodes.ts";

describe("every machine", () => {
  test("is listed once, under an id of its own", () => {
    const ids = allMachines.map((machine) => machine.id);
    expect(ids).toEqual([...new Set(ids)]);
    expect(ids).toHaveLength(globSync("machines/**/*-machine.ts").length);
  });

  test.each(allMachines.map((machine) => [machine.id, machine] as const))(
    "%s has a limit in each waiting state, an end for each actor and named delays",
    (_, machine) => {
      expect(brokenRules(machine)).toEqual([]);
      expect(stateNodes(machine).length).toBeGreaterThan(1);
    },
  );

  test("ends with an error, and does not hang, where transitions follow each other in a circle", () => {
    const endless = allMachines.filter(({ config }) => config.options?.maxIterations !== 1_000);
    expect(endless.map(({ id }) => id)).toEqual([]);
  });
});
