import { readFile, writeFile } from "node:fs/promises";
import { type Panel, rows } from "./panels.ts";

/** Helm reads no file outside its chart: there is the second one. */
const files = ["headcni.json", "../chart/headcni/files/headcni.json"].map(
  (path) => new URL(path, import.meta.url),
);
const source = { type: "prometheus", uid: "$datasource" };
const rowHeight = 8;
const columns = 24;

/** The dashboard as Grafana imports it (dashboard JSON model, schema version 39: Grafana 10 and newer). */
export function dashboardText(): string {
  return `${JSON.stringify(dashboard(), undefined, 2)}\n`;
}

/** Every PromQL expression of the dashboard. */
export function dashboardQueries(): readonly string[] {
  return rows.flatMap(({ panels }) => panels.flatMap(({ queries }) => queries.map(({ expr }) => expr)));
}

export async function dashboardDrifted(): Promise<boolean> {
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  return texts.some((text) => text !== dashboardText());
}

export async function writeDashboard(): Promise<void> {
  await Promise.all(files.map((file) => writeFile(file, dashboardText())));
}

function dashboard(): object {
  return {
    title: "HeadCNI",
    uid: "headcni",
    tags: ["headcni", "kubernetes", "cni"],
    schemaVersion: 39,
    editable: true,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [
        { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" },
        variable("instance", "Node", "label_values(headcni_serving, instance)"),
        variable("machine", "Machine", "label_values(headcni_machines, machine)"),
      ],
    },
    annotations: {
      list: [
        {
          name: "Alerts",
          datasource: source,
          enable: true,
          iconColor: "red",
          expr: 'ALERTS{alertname=~"Headcni.*",alertstate="firing"}',
          titleFormat: "{{alertname}}",
          textFormat: "{{instance}} {{machine}} {{state}}",
        },
      ],
    },
    panels: placedPanels(),
  };
}

function variable(name: string, label: string, query: string): object {
  return {
    name,
    label,
    type: "query",
    datasource: source,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    includeAll: true,
    multi: true,
    sort: 1,
    current: { text: ["All"], value: ["$__all"] },
  };
}

function placedPanels(): readonly object[] {
  const panels: object[] = [];
  let y = 0;
  for (const row of rows) {
    panels.push({
      id: panels.length + 1,
      type: "row",
      title: row.title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: columns, h: 1 },
    });
    y += 1;
    let x = 0;
    for (const panel of row.panels) {
      if (x + panel.width > columns) {
        x = 0;
        y += rowHeight;
      }
      panels.push(panelJson(panel, panels.length + 1, { x, y, w: panel.width, h: rowHeight }));
      x += panel.width;
    }
    y += rowHeight;
  }
  return panels;
}

function panelJson(panel: Panel, id: number, gridPos: object): object {
  const instant = panel.kind !== "timeseries";
  return {
    id,
    type: panel.kind,
    title: panel.title,
    description: panel.about,
    datasource: source,
    gridPos,
    fieldConfig: { defaults: { unit: panel.unit }, overrides: [] },
    options: optionsOf(panel.kind),
    targets: panel.queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: source,
      expr,
      legendFormat: legend === "" ? "__auto" : legend,
      ...(instant && { instant: true, range: false }),
      ...(panel.kind === "table" && { format: "table" }),
    })),
  };
}

function optionsOf(kind: Panel["kind"]): object {
  switch (kind) {
    case "stat":
      return { reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false }, graphMode: "none" };
    case "timeseries":
      return {
        legend: { displayMode: "list", placement: "bottom" },
        tooltip: { mode: "multi", sort: "desc" },
      };
    case "table":
      return { showHeader: true };
    default: {
      const unhandled: never = kind;
      return unhandled;
    }
  }
}
