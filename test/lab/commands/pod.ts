import { openLab } from "../lab-store.ts";
import { addPod, deletePod, listPods } from "../pods.ts";
import { type Command, commonOptions, flag, positionals, print, printJson, text } from "./command.ts";

const addUsage = "pod add NODE NAME [--json]";
const delUsage = "pod del NAME";
const listUsage = "pod list [--json]";

export const podAdd: Command = {
  words: ["pod", "add"],
  usage: addUsage,
  summary: "make a pod: a namespace that cnitool attaches on a node",
  options: commonOptions,
  run: async (args) => {
    const [node, name] = positionals(args, ["NODE", "NAME"], addUsage);
    const pod = await addPod(await openLab(text(args, "id")), node, name);
    if (flag(args, "json")) printJson(pod);
    else print(`${pod.name} on ${pod.node}: ${pod.addresses.join(" ")} (namespace ${pod.netns})`);
    return 0;
  },
};

export const podDel: Command = {
  words: ["pod", "del"],
  usage: delUsage,
  summary: "have cnitool detach a pod and remove it",
  options: commonOptions,
  run: async (args) => {
    const [name] = positionals(args, ["NAME"], delUsage);
    await deletePod(await openLab(text(args, "id")), name);
    if (flag(args, "json")) printJson({ name, deleted: true });
    return 0;
  },
};

export const podList: Command = {
  words: ["pod", "list"],
  usage: listUsage,
  summary: "the pods of a lab with their addresses",
  options: commonOptions,
  run: async (args) => {
    positionals(args, [], listUsage);
    const pods = await listPods(await openLab(text(args, "id")));
    if (flag(args, "json")) printJson({ pods });
    else
      print(
        ...pods.map((pod) => `${pod.name.padEnd(20)}  ${pod.node.padEnd(4)}  ${pod.addresses.join(" ")}`),
      );
    return 0;
  },
};
