import { setTimeout as pause } from "node:timers/promises";
import { type MachineRow, machinesPageSchema } from "../../observe/pages/machines-page.ts";
import type { CliCall, CliCommand } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { documentCommand } from "../output/document-command.ts";
import { machinesText } from "./machines-text.ts";

const watchMs = 1000;

const once = documentCommand({
  kind: "Machines",
  name: "machines",
  summary: "list every live state machine with its state, its age and its limit",
  synonyms: ["states", "actors", "ps", "top"],
  options: [
    { flags: "--machine <name>", summary: "only this kind, for example pod" },
    { flags: "--state <state>", summary: "only machines in this state, for example attached" },
    { flags: "--subject <text>", summary: "only those whose subject contains this" },
    { flags: "--stuck", summary: "only those past their limit or failed" },
    { flags: "--watch", summary: "refresh every second, until Ctrl-C" },
  ],
  notes: "Exit code 1 if a machine that is shown is stuck or failed.",
  collect: async ({ context, options }) => {
    const { machines } = await context.daemon.page("/debug/machines", machinesPageSchema);
    return { machines: machines.filter((row) => wanted(row, options)) };
  },
  render: ({ machines }, context) => machinesText(machines, context),
  exitCode: ({ machines }) =>
    machines.some((row) => row.stuck || row.error !== undefined) ? exitCodes.problem : exitCodes.ok,
});

export const machinesCommand: CliCommand = {
  ...once,
  run: (call) => (call.options["watch"] === true ? watch(call) : once.run(call)),
};

async function watch(call: CliCall): Promise<ExitCode> {
  const { context } = call;
  for (;;) {
    if (context.isTerminal && !context.json) context.out("\u001b[H\u001b[2J\u001b[3J");
    await once.run(call);
    await pause(watchMs, undefined, { signal: context.signal });
  }
}

function wanted(row: MachineRow, { machine, state, subject, stuck }: CliCall["options"]): boolean {
  return (
    (machine === undefined || machine === row.machine) &&
    // A nested state is "up.resting" and parallel ones are joined: each part can be asked for.
    (state === undefined || state === row.state || row.state.split(/[^\w]+/).includes(String(state))) &&
    (typeof subject !== "string" || row.subject.includes(subject)) &&
    (stuck !== true || row.stuck || row.error !== undefined)
  );
}
