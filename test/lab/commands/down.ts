import { readLab, resolveLabId } from "../lab-store.ts";
import { stderrProgress } from "../progress.ts";
import { stopLab } from "../stop-lab.ts";
import { type Command, commonOptions, flag, positionals, printJson, text } from "./command.ts";

const usage = "down [--id ID]";

export const down: Command = {
  words: ["down"],
  usage,
  summary: "take a lab down, whole or broken, and check that nothing is left",
  options: commonOptions,
  run: async (args) => {
    positionals(args, [], usage);
    const id = await resolveLabId(text(args, "id"));
    const whole = (await readLab(id)) !== undefined;
    await stopLab(id, stderrProgress());
    if (flag(args, "json")) printJson({ id, down: true, whole });
    return 0;
  },
};
