import { visible, visibleLine } from "../../protocol/visible-text.ts";
import type { CliContext } from "../command.ts";
import type { Style } from "../output/style.ts";
import type { LogEntry } from "./read-logs.ts";

export const logLevels = ["debug", "info", "warn", "error", "fatal"];
/** Told by the line itself, or the same on every line. */
const shown = new Set(["time", "level", "msg", "node"]);

/** "12:03:04.567 warn  transition  machine=guard from=holding to=repairing"; never cut, as a log is searched. */
export function logLine(entry: LogEntry, { style }: Pick<CliContext, "style">): string {
  const text = (name: string) => (typeof entry[name] === "string" ? visible(entry[name]) : "");
  const time = /T(\d\d:\d\d:\d\d\.\d{3})/.exec(text("time"))?.[1] ?? "";
  const fields = Object.entries(entry)
    .filter(([name]) => !shown.has(name))
    .map(
      ([name, value]) =>
        `${style.dim(`${visibleLine(name)}=`)}${typeof value === "string" ? visibleLine(value) : visible(JSON.stringify(value))}`,
    );
  const level = text("level");
  return [style.dim(time), painted(level.padEnd(5), level, style), text("msg"), ...fields]
    .filter((part) => part.trim() !== "")
    .join(" ");
}

/** Whether an entry is at least as grave; what has no level always is. */
export function atLeast(entry: LogEntry, level: string): boolean {
  const own = logLevels.indexOf(String(entry["level"] ?? ""));
  return own === -1 || own >= logLevels.indexOf(level);
}

function painted(text: string, level: string, style: Style): string {
  if (level === "error" || level === "fatal") return style.bad(text);
  return level === "warn" ? style.warn(text) : text;
}
