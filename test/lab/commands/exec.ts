import { spawn } from "node:child_process";
import { constants } from "node:os";
import { LabError } from "../lab-error.ts";
import { nodeOf, openLab } from "../lab-store.ts";
import { inNetns } from "../netns.ts";
import { podOf } from "../pods.ts";
import { type Command, type CommandArguments, positionals, text } from "./command.ts";

const podUsage = "exec POD -- COMMAND...";
const nodeUsage = "node exec NODE -- COMMAND...";
const options = { id: { type: "string" } } as const;

export const exec: Command = {
  words: ["exec"],
  usage: podUsage,
  summary: "run a command in a pod",
  options,
  run: async (args) => {
    const [name] = positionals(args, ["POD"], podUsage);
    const pod = await podOf(await openLab(text(args, "id")), name);
    return await runInside(pod.netns, args, podUsage);
  },
};

export const nodeExec: Command = {
  words: ["node", "exec"],
  usage: nodeUsage,
  summary: "run a command in a node's namespace",
  options,
  run: async (args) => {
    const [name] = positionals(args, ["NODE"], nodeUsage);
    const node = nodeOf(await openLab(text(args, "id")), name);
    return await runInside(node.netns, args, nodeUsage);
  },
};

/** The command gets this terminal; its exit code is ours. */
async function runInside(netns: string, args: CommandArguments, usage: string): Promise<number> {
  const [program, ...rest] = args.rest;
  if (program === undefined)
    throw new LabError("BAD_OPTION", `no command behind --: npm run lab -- ${usage}`);
  const [enter, ...entering] = inNetns(netns, [program, ...rest]);
  const child = spawn(enter, entering, { stdio: "inherit" });
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}
