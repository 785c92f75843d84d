import { readdir, readFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { alertRules, unknownStates, watchedStates } from "../../../deploy/alerts/alert-rules.ts";
import { rulesDrifted, rulesText } from "../../../deploy/alerts/rules-file.ts";
import { allMachines } from "../../../machines/all-machines.ts";
import { machineChart } from "../../../machines/chart/machine-chart.ts";
import { cleanupMachine } from "../../../machines/cleanup/cleanup-machine.ts";
import { leafPaths } from "../../../src/observe/machines/state-name.ts";
import { ensurePackages } from "../../lab/build/debian-packages.ts";
import { numberCases } from "./number-cases.ts";
import { promtoolFindings } from "./promtool.ts";
import { stateCases, stuck } from "./state-cases.ts";

/** The alert for what no other names: one rule per machine that has such states, all of one make. */
const stuckCases = [
  ...new Map(
    watchedStates()
      .filter(({ alert }) => alert.alert === "HeadcniMachineStuck")
      .map(({ chart, state }) => [chart.machine, stuck("HeadcniMachineStuck", chart.machine, state.path)]),
  ).values(),
];
const cases = [...numberCases, ...stateCases, ...stuckCases];

beforeAll(async () => {
  await ensurePackages((line) => console.error(line), { promtool: "prometheus" });
}, 300_000);

it("the committed rules are those of the machines that run", async () => {
  expect(await rulesDrifted()).toBe(false);
});

it("every state with a limit has an alert but those of cleanup, and every name in the table of alerts is such a state", () => {
  const limited = allMachines
    .filter((machine) => machine !== cleanupMachine)
    .map(machineChart)
    .flatMap(({ machine, states }) =>
      states.filter(({ limitMs }) => typeof limitMs === "number").map(({ path }) => `${machine} ${path}`),
    );
  expect(new Set(watchedStates().map(({ chart, state }) => `${chart.machine} ${state.path}`))).toEqual(
    new Set(limited),
  );
  expect(unknownStates()).toEqual([]);
});

it.each(allMachines.map((machine) => [machine.id, machine] as const))(
  "a live %s has the paths of its chart as its states",
  (_, machine) => {
    const leaves = machineChart(machine).states.filter(({ kind }) => kind === "atomic");
    for (const { path } of leaves)
      expect(leafPaths(machine.resolveState({ value: stateValue(path), context: {} }).value)).toContain(path);
  },
);

describe("promtool", () => {
  it("has a case for every rule", () => {
    const rules = alertRules().flatMap(({ rules }) =>
      rules.map(({ alert, labels }) => `${alert} ${labels.machine ?? ""}`.trim()),
    );
    const numbers = new Set(numberCases.map(({ alert }) => alert));
    const tried = cases.map(({ alert, labels }) =>
      numbers.has(alert) ? alert : `${alert} ${labels["machine"]}`,
    );
    expect(new Set(tried)).toEqual(new Set(rules));
  });

  it("lets each alert fire at its time, not before, and fall silent again", async () => {
    expect(await promtoolFindings(rulesText(), cases)).toBe("");
  }, 600_000);

  it("would notice a rule that never fires", async () => {
    const deaf = rulesText().replaceAll("headcni_machines{", "headcni_nothing{");
    const ofGuard = cases.filter(({ alert }) => alert === "HeadcniGuardFighting");
    expect(await promtoolFindings(deaf, ofGuard)).toContain("HeadcniGuardFighting");
  }, 600_000);
});

it("every alert has its page, and every page its alert", async () => {
  const folder = new URL("../../../docs/runbooks/", import.meta.url);
  const rules = alertRules().flatMap(({ rules }) => rules);
  for (const { alert, annotations } of rules)
    expect(annotations.runbook_url).toMatch(new RegExp(`/docs/runbooks/${alert}\\.md$`));
  const pages = (await readdir(folder)).filter((file) => file !== "README.md");
  expect(new Set(pages)).toEqual(new Set(rules.map(({ alert }) => `${alert}.md`)));
  for (const page of pages) {
    const text = await readFile(new URL(page, folder), "utf8");
    expect(text, page).toMatch(/^# Headcni\w+\n/);
    for (const heading of ["## What it means", "## How to see it", "## What to do"])
      expect(text, page).toContain(heading);
  }
});

/** "a.b.c" as a state value: { a: { b: "c" } }. */
function stateValue(path: string): string | { readonly [key: string]: ReturnType<typeof stateValue> } {
  const [first = "", ...rest] = path.split(".");
  return rest.length === 0 ? first : { [first]: stateValue(rest.join(".")) };
}
