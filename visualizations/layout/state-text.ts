import { durationText } from "../../machines/chart/duration-text.ts";
import type { ChartState } from "../../machines/chart/machine-chart.ts";

/** A state's own name, without those around it. */
export function stateTitle({ path }: Pick<ChartState, "path">): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

/** What a picture says below a state's name. */
export function stateLines({ limitMs, invokes }: ChartState): readonly string[] {
  return [
    ...(limitMs === undefined || limitMs === null ? [] : [`limit ${durationText(limitMs)}`]),
    ...(invokes.length === 0 ? [] : [`runs ${invokes.join(", ")}`]),
  ];
}
