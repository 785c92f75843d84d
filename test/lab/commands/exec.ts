import { spawn } from "node:child_process";
import { constants } from "node:os";
import { kubectlCommand } from "../kubernetes/control-plane/kubectl.ts";
import { inNode } from "../kubernetes/node/node-machine.ts";
import { LabError } from "../lab-error.ts";
import { nodeOf, openLab } from "../lab-store.ts";
import { inNetns } from "../network/netns.ts";
import { podOf } from "../pods.ts";
import type { CommandLine } from "../run-command.ts";
import { type Command, type CommandArguments, positionals, text } from "./command.ts";

const podUsage = "exec POD -- COMMAND...";
const nodeUsage = "node exec NODE -- COMMAND...";
const tailscaleUsage = "tailscale NODE -- ARGUMENT...";
const kubectlUsage = "kubectl -- ARGUMENT...";
const options = { id: { type: "string" } } as const;

export const exec: Command = {
  words: ["exec"],
  usage: podUsage,
  summary: "run a command in a pod",
  options,
  run: async (args) => {
    const [name] = positionals(args, ["POD"], podUsage);
    const pod = await podOf(await openLab(text(args, "id")), name);
    return await runHere(inNetns(pod.netns, commandOf(args, podUsage)));
  },
};

export const nodeExec: Command = {
  words: ["node", "exec"],
  usage: nodeUsage,
  summary: "run a command on a node",
  options,
  run: async (args) => {
    const [name] = positionals(args, ["NODE"], nodeUsage);
    const lab = await openLab(text(args, "id"));
    return await runHere(await inNode(lab, nodeOf(lab, name), commandOf(args, nodeUsage)));
  },
};

export const tailscale: Command = {
  words: ["tailscale"],
  usage: tailscaleUsage,
  summary:
    "run tailscale on a node, for the tailscaled that carries its pods: in mode host as its owner does",
  options,
  run: async (args) => {
    const [name] = positionals(args, ["NODE"], tailscaleUsage);
    const lab = await openLab(text(args, "id"));
    const node = nodeOf(lab, name);
    const socket = `--socket=${node.tailscaledSocket}`;
    return await runHere(inNetns(node.netns, [lab.tools.tailscale, socket, ...args.rest]));
  },
};

export const kubectl: Command = {
  words: ["kubectl"],
  usage: kubectlUsage,
  summary: "run kubectl as the administrator of the lab's cluster",
  options,
  run: async (args) => {
    positionals(args, [], kubectlUsage);
    return await runHere(kubectlCommand(await openLab(text(args, "id")), args.rest));
  },
};

/** The command behind `--`. Throws LabError BAD_OPTION if there is none. */
function commandOf(args: CommandArguments, usage: string): CommandLine {
  const [program, ...rest] = args.rest;
  if (program === undefined)
    throw new LabError("BAD_OPTION", `no command behind --: npm run lab -- ${usage}`);
  return [program, ...rest];
}

/** The command gets this terminal; its exit code is ours. */
async function runHere([program, ...args]: CommandLine): Promise<number> {
  const child = spawn(program, args, { stdio: "inherit" });
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}
