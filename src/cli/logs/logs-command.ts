import { setTimeout as pause } from "node:timers/promises";
import { visible } from "../../protocol/visible-text.ts";
import { CliError } from "../cli-error.ts";
import { asksCluster } from "../cluster/ask-nodes.ts";
import type { CliCall, CliCommand } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { wholeNumber } from "../options/option-values.ts";
import { documentCommand } from "../output/document-command.ts";
import { atLeast, logLevels, logLine } from "./log-text.ts";
import { type LogEntry, type ReadLogs, readDaemonLogs, readLogFile, tailscaledLog } from "./read-logs.ts";

const once = documentCommand({
  kind: "Logs",
  name: "logs",
  summary: "print the daemon's log: its last 2000 lines, or the journal while it is down",
  synonyms: ["log", "journal", "tail"],
  options: [
    { flags: "-f, --follow", summary: "keep printing new lines, until Ctrl-C" },
    { flags: "-n, --lines <count>", summary: "only this many of the last lines (default 100)" },
    { flags: "--level <level>", summary: "only lines of at least this level", choices: logLevels },
    { flags: "--grep <text>", summary: "only lines that contain this" },
    { flags: "--tailscaled", summary: "tailscaled's log instead" },
    { flags: "--file <path>", summary: "a file of log lines instead" },
  ],
  notes: "With -f and -o json each line is a JSON document of its own.",
  collect: async (call) => {
    const { source, entries } = await read(call);
    return { source, entries: wanted(entries, call).slice(-lineCount(call)) };
  },
  render: ({ entries }, context) =>
    entries.length === 0 ? "no such lines" : entries.map((entry) => logLine(entry, context)).join("\n"),
});

export const logsCommand: CliCommand = {
  ...once,
  run: (call) => (call.options["follow"] === true ? follow(call) : once.run(call)),
};

const pollMs = 500;

async function follow(call: CliCall): Promise<ExitCode> {
  const { context } = call;
  if (asksCluster(call))
    throw new CliError("USAGE", "--follow works on one node alone: run it there, or leave it out");
  const print = (entries: readonly LogEntry[]) => {
    for (const entry of entries)
      context.out(context.json ? visible(JSON.stringify(entry)) : logLine(entry, context));
  };
  let seen = await read(call);
  print(wanted(seen.entries, call).slice(-lineCount(call)));
  for (;;) {
    await pause(pollMs, undefined, { signal: context.signal });
    const now = await read(call);
    print(wanted(now.entries.slice(newSince(seen, now)), call));
    seen = now;
  }
}

/** Index of the first entry that is new; a daemon that started anew, or a file that was replaced, is new as a whole. */
function newSince(seen: ReadLogs, now: ReadLogs): number {
  const next = seen.first + seen.entries.length - now.first;
  return next < 0 || next > now.entries.length ? 0 : next;
}

function read({ context, options }: CliCall): Promise<ReadLogs> {
  if (typeof options["file"] === "string") return readLogFile(options["file"]);
  if (options["tailscaled"] === true) return readLogFile(tailscaledLog(context.target.socketPath));
  return readDaemonLogs(context);
}

function wanted(entries: readonly LogEntry[], { options }: CliCall): readonly LogEntry[] {
  const { level, grep } = options;
  return entries.filter(
    (entry) =>
      (typeof level !== "string" || atLeast(entry, level)) &&
      (typeof grep !== "string" || JSON.stringify(entry).includes(grep)),
  );
}

function lineCount({ options }: CliCall): number {
  return wholeNumber("--lines", options["lines"] ?? 100, [1, Infinity]);
}
