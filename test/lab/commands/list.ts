import { listLabs, readLab } from "../lab-store.ts";
import { type Command, flag, positionals, print, printJson } from "./command.ts";

const usage = "list [--json]";

export const list: Command = {
  words: ["list"],
  usage,
  summary: "the labs of this machine",
  options: { json: { type: "boolean" } },
  run: async (args) => {
    positionals(args, [], usage);
    const ids = await listLabs();
    const labs = await Promise.all(
      ids.map(async (id) => ({ id, nodes: (await readLab(id))?.nodes.length ?? null })),
    );
    if (flag(args, "json")) printJson({ labs });
    else if (labs.length === 0) print("no lab is up");
    else print(...labs.map(({ id, nodes }) => `${id}  ${nodes === null ? "broken" : `${nodes} nodes`}`));
    return 0;
  },
};
