import type { ChartEdge } from "../machine-chart.ts";

/** Cause and guard of a transition as a person reads them: "after pause", "find done [alone]". */
export function edgeText(edge: ChartEdge): string {
  return [causeText(edge), edge.guard === undefined ? "" : `[${edge.guard}]`]
    .filter((part) => part !== "")
    .join(" ");
}

function causeText({ kind, cause }: Pick<ChartEdge, "kind" | "cause">): string {
  switch (kind) {
    case "event":
      return cause;
    case "after":
      return `after ${cause}`;
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
