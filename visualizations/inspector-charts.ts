import type { MachineChart } from "../machines/chart/machine-chart.ts";
import type { ChartLayout } from "./layout/chart-layout.ts";

/** A machine's chart and where its parts stand; the page needs no layout engine. */
export interface InspectorChart {
  readonly chart: MachineChart;
  readonly layout: ChartLayout;
}
