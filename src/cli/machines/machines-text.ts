import type { MachineRow } from "../../observe/pages/machines-page.ts";
import { formatDuration } from "../output/duration.ts";
import type { Paper, Style } from "../output/style.ts";
import { formatTable } from "../output/table.ts";

/** The table of machines; those that are stuck or failed stand first. */
export function machinesText(rows: readonly MachineRow[], paper: Paper): string {
  const { style } = paper;
  if (rows.length === 0) return "no such machine";
  const sorted = rows.toSorted((one, other) => rank(one) - rank(other));
  const table = formatTable(
    {
      headings: ["MACHINE", "STATE", "SINCE", "LIMIT", "ACTOR", "SUBJECT"],
      rows: sorted.map((row) => [row.machine, ...timeCells(row, style), row.actor, row.error ?? row.subject]),
    },
    paper,
  );
  const ill = rows.filter((row) => rank(row) < 2).length;
  return `${table}\n\n${rows.length} machine${rows.length === 1 ? "" : "s"}${ill === 0 ? "" : `, ${style.bad(`${ill} stuck or failed`)}`}`;
}

/** State, time and limit: past the limit of a state around its own a machine is stuck whatever its own state. */
function timeCells(row: MachineRow, style: Style): readonly string[] {
  const { state, sinceMs, limitMs } = stuckState(row);
  const inner = row.state.startsWith(`${state}.`) ? ` (now ${row.state.slice(state.length + 1)})` : "";
  const name = row.error === undefined ? `${state}${inner}` : "error";
  return [
    row.stuck || row.error !== undefined ? style.bad(name) : name,
    formatDuration(sinceMs),
    limitMs === null ? "none" : formatDuration(limitMs),
  ];
}

function rank(row: MachineRow): number {
  if (row.error !== undefined) return 0;
  return row.stuck ? 1 : 2;
}

/** The state whose limit is over: that around the machine's own state where it is that one's, otherwise its own. */
export function stuckState(row: MachineRow): Pick<MachineRow, "state" | "sinceMs" | "limitMs"> {
  return row.outer?.find(({ stuck }) => stuck) ?? row;
}
