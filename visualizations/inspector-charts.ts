import type { ChartLayout } from "./layout/chart-layout.ts";
import type { MachineChart } from "./machine-chart.ts";

/** File in `generated/` with every machine's chart and its layout, for the inspector's page. */
export const inspectorChartsFile = "inspector-charts.json";

/** A machine's chart and where its parts stand; the page needs no layout engine. */
export interface InspectorChart {
  readonly chart: MachineChart;
  readonly layout: ChartLayout;
}
