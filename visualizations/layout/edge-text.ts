import { durationText } from "../../machines/chart/duration-text.ts";
import type { ChartEdge } from "../../machines/chart/machine-chart.ts";

/** Cause and guard of a transition as a person reads them: "after pause (1 s)", "find done [alone]". */
export function edgeText(edge: ChartEdge): string {
  return [causeText(edge), edge.guard === undefined ? "" : `[${edge.guard}]`]
    .filter((part) => part !== "")
    .join(" ");
}

function causeText({ kind, cause, delayMs }: ChartEdge): string {
  switch (kind) {
    case "event":
      return cause;
    case "after":
      return delayMs === undefined ? `after ${cause}` : `after ${cause} (${durationText(delayMs)})`;
    case "done":
      return `${cause} done`;
    case "failed":
      return `${cause} failed`;
    case "always":
      return "";
    default: {
      const unhandled: never = kind;
      return unhandled;
    }
  }
}
