import { didYouMean } from "../../config/keys/nearest-name.ts";
import { type CallTrace, tracePageSchema } from "../../observe/trace/call-trace.ts";
import { CliError } from "../cli-error.ts";
import type { CliCommand } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { wholeNumber } from "../options/option-values.ts";
import { documentCommand } from "../output/document-command.ts";
import { isAbout, nearestCall } from "./match-call.ts";
import { callsTable, callText } from "./trace-text.ts";

export const traceCommand: CliCommand = documentCommand({
  kind: "Trace",
  name: "trace",
  summary: "show every transition, kernel operation and wait of a CNI call, and where it failed",
  synonyms: ["calls", "history", "pod", "pods", "why"],
  arguments: [
    { flags: "[pod]", summary: "namespace/name, name, uid, container id or address; without it all calls" },
  ],
  options: [
    { flags: "--failed", summary: "only calls that failed" },
    {
      flags: "--command <command>",
      summary: "only these calls",
      choices: ["ADD", "DEL", "CHECK", "GC"],
    },
    { flags: "--last <count>", summary: "only this many, the latest" },
  ],
  notes: "The daemon keeps its last 256 calls and 64 that failed. Exit code 1 if the last call shown failed.",
  collect: async ({ context, words: [wanted], options }) => {
    const { calls } = await context.daemon.page("/debug/trace", tracePageSchema);
    const found = calls.filter(
      (call) =>
        (wanted === undefined || isAbout(call, wanted)) &&
        (options["failed"] !== true || call.outcome === "failed" || call.outcome === "abandoned") &&
        (options["command"] === undefined || call.command === options["command"]),
    );
    if (wanted !== undefined && found.length === 0) throw unknownPod(calls, wanted);
    const last = wholeNumber("--last", options["last"] ?? Number.MAX_SAFE_INTEGER, [1, Infinity]);
    return { calls: found.slice(-last) };
  },
  render: ({ calls }, context) =>
    calls.length === 0
      ? "no such calls since the daemon started"
      : calls.length > maxInFull
        ? callsTable(calls, context)
        : calls.map((call) => callText(call, context)).join("\n\n"),
  exitCode: ({ calls }) => (calls.at(-1)?.outcome === "failed" ? exitCodes.problem : exitCodes.ok),
});

/** More calls than this are a list, each of which can be asked for. */
const maxInFull = 6;

function unknownPod(calls: readonly CallTrace[], wanted: string): CliError {
  const guess = didYouMean(nearestCall(calls, wanted));
  return new CliError(
    "NOT_FOUND",
    `no call about "${wanted}" is kept${guess}\nheadcnictl trace lists all; the daemon keeps its last 256 calls since it started`,
  );
}
