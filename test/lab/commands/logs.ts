import { spawn } from "node:child_process";
import { join } from "node:path";
import { wireLog } from "../headcni/wire.ts";
import { clusterOf, nodeLogFile } from "../kubernetes/cluster.ts";
import { controlPlaneLog, controlPlanePrograms } from "../kubernetes/control-plane/control-plane.ts";
import { podLogCommand } from "../kubernetes/install/install.ts";
import { LabError } from "../lab-error.ts";
import { nodeOf, openLab } from "../lab-store.ts";
import type { Lab } from "../lab-types.ts";
import type { CommandLine } from "../run-command.ts";
import { hostTailscaledLog } from "../tailnet/host-tailscaled.ts";
import { type Command, type CommandArguments, flag, positionals, text } from "./command.ts";

const usage =
  "logs NODE [--tailscaled | --wire | --program kubelet] | headscale | derp | kube-apiserver [--follow]";

export const logs: Command = {
  words: ["logs"],
  usage,
  summary: "the log of a node's daemon (or of another of its programs) or of a program that the lab has once",
  options: {
    id: { type: "string" },
    follow: { type: "boolean" },
    tailscaled: { type: "boolean" },
    wire: { type: "boolean" },
    program: { type: "string" },
  },
  run: async (args) => {
    const [name] = positionals(args, ["NODE"], usage);
    const [program, ...rest] = await logCommand(await openLab(text(args, "id")), name, args);
    const child = spawn(program, rest, { stdio: "inherit" });
    return await new Promise((resolve, reject) => {
      child.once("error", (cause) =>
        reject(new LabError("PROGRAM_MISSING", `cannot run ${program}`, { cause })),
      );
      child.once("exit", (code) => resolve(code ?? 0));
    });
  },
};

async function logCommand(lab: Lab, name: string, args: CommandArguments): Promise<CommandLine> {
  const follow = flag(args, "follow");
  const node = lab.nodes.find((candidate) => candidate.name === name);
  const installed = lab.options.kubernetes?.network === "chart";
  if (installed && node !== undefined && text(args, "program") === undefined) {
    // There tailscaled's log goes with that of the wire, which runs it; in mode host it is its owner's.
    if (node.mode === "host" && flag(args, "tailscaled")) return tail(hostTailscaledLog(node), follow);
    const wire = flag(args, "wire") || flag(args, "tailscaled");
    return await podLogCommand(lab, node, wire ? "wire" : "daemon", follow);
  }
  return tail(logFile(lab, name, args), follow);
}

function tail(file: string, follow: boolean): CommandLine {
  return ["tail", "-n", "+1", ...(follow ? ["-f"] : []), file];
}

function logFile(lab: Lab, name: string, args: CommandArguments): string {
  if (name === "headscale") return lab.headscale.logFile;
  if (name === "derp") return lab.derp.logFile;
  const controlPlane = controlPlanePrograms.find((candidate) => candidate === name);
  if (controlPlane !== undefined) return controlPlaneLog(clusterOf(lab), controlPlane);
  const node = nodeOf(lab, name);
  const program = text(args, "program");
  if (program !== undefined) return nodeLogFile(node, program);
  if (flag(args, "wire")) return wireLog(node);
  if (!flag(args, "tailscaled")) return node.logFile;
  return node.mode === "host" ? hostTailscaledLog(node) : join(node.runtimeDir, "tailscaled.log");
}
