import type { ChartState } from "../machine-chart.ts";

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

/** Milliseconds as people say them: "500 ms", "12 s", "5 min". */
function durationText(ms: number): string {
  return ms < 1000 ? `${ms} ms` : ms < 120_000 ? `${ms / 1000} s` : `${ms / 60_000} min`;
}
