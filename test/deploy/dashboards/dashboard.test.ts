import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { alertRules } from "../../../deploy/alerts/alert-rules.ts";
import { dashboardDrifted, dashboardQueries, dashboardText } from "../../../deploy/dashboards/dashboard.ts";
import { createLogger } from "../../../src/observe/logs/logger.ts";
import { createMachineObserver } from "../../../src/observe/machines/machine-observer.ts";
import { registerLiveMetrics } from "../../../src/observe/metrics/live-metrics.ts";
import { registerMachineMetrics } from "../../../src/observe/metrics/machine-metrics.ts";
import { createRegistry } from "../../../src/observe/metrics/metrics.ts";
import { createNewsMetrics } from "../../../src/observe/metrics/news-metrics.ts";
import { ensurePackages } from "../../lab/build/debian-packages.ts";
import { runResult } from "../../lab/run-command.ts";

/** Names of all metrics that a daemon has, with the series that a histogram is made of. */
function metricNames(): ReadonlySet<string> {
  const registry = createRegistry();
  createNewsMetrics(registry, { strategy: "sequential" });
  const { log } = createLogger({ level: "error", base: {} });
  registerMachineMetrics(registry, createMachineObserver({ log }));
  registerLiveMetrics(registry, {
    pools: () => [{ prefix: "10.244.1.0/24", size: 253, used: 0 }],
    routes: () => [],
    strangers: () => 0,
    nodeAddressPublished: () => true,
    policies: () => ({
      policies: { enforced: 2, unreadable: 1, refused: 0 },
      isolated: 3,
      elements: 40,
      ended: 5,
    }),
    peerPaths: () => [],
    guardRepairs: () => [],
    readiness: () => ({ serving: true, state: "proven", reasons: [] }),
  });
  return new Set(
    registry
      .getMetricsAsArray()
      .flatMap(({ name }) => [name, `${name}_bucket`, `${name}_count`, `${name}_sum`]),
  );
}

const usedNames = (expr: string) => expr.match(/\bheadcni_\w+/g) ?? [];

it("the committed dashboard is the one that the code makes", async () => {
  expect(await dashboardDrifted()).toBe(false);
});

describe("every metric exists that is used by", () => {
  const names = metricNames();
  const rules = alertRules().flatMap(({ rules: list }) =>
    list.map(({ alert, expr }) => [alert, expr] as const),
  );
  it.each(dashboardQueries())("the dashboard: %s", (expr) => {
    expect(usedNames(expr).length).toBeGreaterThan(0);
    for (const name of usedNames(expr)) expect(names).toContain(name);
  });
  it.each(rules)("the alert %s", (_, expr) => {
    for (const name of usedNames(expr)) expect(names).toContain(name);
  });
});

it("is a dashboard with a place for each panel and an id of its own", () => {
  const { panels, templating } = JSON.parse(dashboardText()) as {
    readonly panels: readonly {
      readonly id: number;
      readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    }[];
    readonly templating: { readonly list: readonly { readonly name: string }[] };
  };
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { gridPos: one } of panels) {
    expect(one.x + one.w).toBeLessThanOrEqual(24);
    const overlapping = panels.filter(
      ({ gridPos: other }) =>
        one !== other &&
        one.x < other.x + other.w &&
        other.x < one.x + one.w &&
        one.y < other.y + other.h &&
        other.y < one.y + one.h,
    );
    expect(overlapping).toEqual([]);
  }
  expect(templating.list.map(({ name }) => name)).toEqual(["datasource", "instance", "machine"]);
});

it("has queries that Prometheus understands", async () => {
  await ensurePackages((line) => console.error(line), { promtool: "prometheus" });
  const rules = dashboardQueries().map((expr, index) => ({
    record: `query:${index}`,
    expr: expr.replaceAll("$__rate_interval", "5m"),
  }));
  const folder = await mkdtemp(join(tmpdir(), "headcni-dashboard-"));
  try {
    const file = join(folder, "rules.yaml");
    await writeFile(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    const { exitCode, stdout, stderr } = await runResult(["promtool", "check", "rules", file], {
      timeoutMs: 60_000,
    });
    expect(`${stdout}${stderr}`).toContain(`SUCCESS: ${rules.length} rules found`);
    expect(exitCode).toBe(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 300_000);
