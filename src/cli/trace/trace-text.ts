import type { CallTrace, TraceStep } from "../../observe/trace/call-trace.ts";
import { formatDuration } from "../output/duration.ts";
import type { Paper, Style } from "../output/style.ts";
import { formatTable, wrapText } from "../output/table.ts";

/** One call from its arrival on; offsets in milliseconds. */
export function callText(call: CallTrace, paper: Paper): string {
  const { style, width } = paper;
  const rows = [...call.steps.flatMap((step) => stepRows(step, paper)), ...answerRow(call, paper)]
    .toSorted((one, other) => one.atMs - other.atMs)
    .map(({ cells }) => cells);
  const headings = ["AT", "TOOK", "WHO", "WHAT"];
  const table = { headings, rows, paintHeading: style.dim, wrapLast: true };
  return [
    ...headLines(call, paper),
    ...formatTable(table, { style, width: width - 2 })
      .split("\n")
      .map((line) => `  ${line}`),
    ...(call.dropped === 0 ? [] : [style.dim(`  and ${call.dropped} steps more`)]),
  ].join("\n");
}

function headLines(call: CallTrace, { style, width }: Paper): readonly string[] {
  const { command, containerId, ifname, netns, addresses, error } = call;
  const who = [podName(call), containerId === "" ? "" : `container ${containerId}`, ifname].filter(
    (part) => part !== "",
  );
  return [
    `${style.bold(`${command} ${podName(call) || shortId(containerId)}`.trim())}  ${timeOfDay(call.startedAt)}  ${outcomeText(call, style)}`,
    ...wrapText(
      [...who.slice(podName(call) === "" ? 0 : 1), netns, addresses.join(" ")]
        .filter((part) => part !== "")
        .join(", "),
      width - 2,
    ).map((line) => style.dim(`  ${line}`)),
    ...(error === null
      ? []
      : wrapText(`code ${error.code}: ${error.msg}. ${error.details}`, width - 2).map(
          (line) => `  ${style.bad(line)}`,
        )),
  ];
}

interface StepRow {
  readonly atMs: number;
  readonly cells: readonly string[];
}

function stepRows(step: TraceStep, { style }: Paper): readonly StepRow[] {
  const { atMs } = step;
  switch (step.kind) {
    case "transition": {
      const { machine, from, to, event } = step;
      const what = from === "" ? `begins in ${to}` : `${from} -> ${to}  ${style.dim(shortEvent(event))}`;
      return [{ atMs, cells: [milliseconds(atMs), "", machine, what] }];
    }
    case "operation": {
      const { ms, name, failure, parts } = step;
      const known = parts.reduce((sum, part) => sum + part.ms, 0);
      const details = [
        ...(parts.length === 0 ? [] : [{ name: "to the worker and back", ms: ms - known }]),
        ...parts,
      ].map((part) => ({
        atMs,
        cells: ["", style.dim(milliseconds(part.ms)), "", style.dim(`  ${part.name}`)],
      }));
      const what = failure === null ? name : `${name}: ${style.bad(failure.message)}`;
      return [{ atMs, cells: [milliseconds(atMs), milliseconds(ms), "kernel", what] }, ...details];
    }
    case "wait": {
      const took = step.ms === null ? "..." : milliseconds(step.ms);
      return [{ atMs, cells: [milliseconds(atMs), took, "waits", step.why] }];
    }
    default: {
      const unhandled: never = step;
      return unhandled;
    }
  }
}

function answerRow(call: CallTrace, { style }: Paper): readonly StepRow[] {
  const { ms } = call;
  if (ms === null) return [];
  return [{ atMs: ms, cells: [milliseconds(ms), "", "answer", outcomeText(call, style)] }];
}

/** "xstate.done.actor.0.pod.checking" says no more than "done". */
function shortEvent(event: string): string {
  const [, kind = ""] = /^xstate\.(done|error|after)\b/.exec(event) ?? [];
  if (kind === "after") return "timer expired";
  return kind === "" ? event : kind;
}

/** A line a call. */
export function callsTable(calls: readonly CallTrace[], paper: Paper): string {
  const rows = calls.map((call) => [
    timeOfDay(call.startedAt),
    call.command,
    podName(call) || "-",
    shortId(call.containerId) || "-",
    call.ms === null ? "..." : formatDuration(call.ms),
    outcomeText(call, paper.style, false),
  ]);
  const headings = ["TIME", "CALL", "POD", "CONTAINER", "TOOK", "OUTCOME"];
  return formatTable({ headings, rows, wrapLast: true }, paper);
}

function outcomeText(call: CallTrace, style: Style, withTime = true): string {
  const took = withTime && call.ms !== null ? ` after ${formatDuration(call.ms)}` : "";
  if (call.outcome === "ok") return style.good(`ok${took}`);
  if (call.outcome === "failed")
    return style.bad(withTime ? `failed${took}` : `code ${call.error?.code}: ${call.error?.msg}`);
  return style.warn(`${call.outcome}${took}`);
}

function podName({ pod }: CallTrace): string {
  return pod.name === "" ? "" : `${pod.namespace}/${pod.name}`;
}

function shortId(containerId: string): string {
  return containerId.slice(0, 13);
}

function milliseconds(ms: number): string {
  return ms < 100 ? ms.toFixed(2) : ms.toFixed(0);
}

/** UTC, as in the log. */
function timeOfDay(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, 23);
}
