import { readdir, readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { alertRules } from "../../../deploy/alerts/alert-rules.ts";

/** Alerts that the end-to-end tests wait for: `untilRings(node(), "HeadcniDown")`. */
async function provoked(): Promise<ReadonlySet<string>> {
  const folder = new URL("../../e2e/", import.meta.url);
  const files = (await readdir(folder, { recursive: true })).filter((file) =>
    file.endsWith("alerts.test.ts"),
  );
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, folder), "utf8")));
  const calls = texts.flatMap((text) => [...text.matchAll(/untilRings\(\s*node\(\),\s*"(\w+)"/g)]);
  return new Set(calls.map(([, alert = ""]) => alert));
}

it("every alert fires for a real fault, or is said to be simulated only, with the reason", async () => {
  const text = await readFile(new URL("../../../deploy/alerts/README.md", import.meta.url), "utf8");
  const [, list = ""] = text.split("## Simulated only");
  const simulated = [...list.matchAll(/^- `(\w+)`: \S/gm)].map(([, alert = ""]) => alert);
  const real = await provoked();
  const alerts = new Set(alertRules().flatMap(({ rules }) => rules.map(({ alert }) => alert)));
  expect([...real].filter((alert) => !alerts.has(alert))).toEqual([]);
  expect(simulated.sort()).toEqual([...alerts].filter((alert) => !real.has(alert)).sort());
});
