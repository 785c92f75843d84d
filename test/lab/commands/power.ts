import { cutPower, powerOn } from "../kubernetes/node/node-power.ts";
import { nodeOf, openLab } from "../lab-store.ts";
import { type Command, positionals, text } from "./command.ts";

const offUsage = "node off NODE";
const onUsage = "node on NODE";
const options = { id: { type: "string" } } as const;

export const nodeOff: Command = {
  words: ["node", "off"],
  usage: offUsage,
  summary: "take the power from a node of a cluster: all its processes and namespaces are gone",
  options,
  run: async (args) => {
    const [name] = positionals(args, ["NODE"], offUsage);
    const lab = await openLab(text(args, "id"));
    await cutPower(lab, nodeOf(lab, name));
    return 0;
  },
};

export const nodeOn: Command = {
  words: ["node", "on"],
  usage: onUsage,
  summary: "boot a node again whose power was cut: its disk is as it was, /run is empty",
  options,
  run: async (args) => {
    const [name] = positionals(args, ["NODE"], onUsage);
    const lab = await openLab(text(args, "id"));
    await powerOn(lab, nodeOf(lab, name));
    return 0;
  },
};
