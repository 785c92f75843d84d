import { addNode, waitForNode } from "../add-node.ts";
import { describeNode } from "../describe-lab.ts";
import { nodeOf, openLab } from "../lab-store.ts";
import { stderrProgress } from "../progress.ts";
import { type Command, commonOptions, flag, positionals, print, printJson, text } from "./command.ts";

const usage = "node add NODE [--behind-nat] [--json]";

export const nodeAdd: Command = {
  words: ["node", "add"],
  usage,
  summary: "add a node that never was, n1 to n99, to a running lab and wait until it is ready",
  options: { ...commonOptions, "behind-nat": { type: "boolean" } },
  run: async (args) => {
    const [name] = positionals(args, ["NODE"], usage);
    const lab = await openLab(text(args, "id"));
    const grown = await addNode(lab, { name, behindNat: flag(args, "behind-nat") }, stderrProgress());
    const node = nodeOf(grown, name);
    await waitForNode(grown, node);
    if (flag(args, "json")) printJson(await describeNode(grown, node));
    else print(`Node ${name} is part of lab ${grown.id}: pods of ${node.podCIDR}`);
    return 0;
  },
};
