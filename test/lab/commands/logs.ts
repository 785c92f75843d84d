import { spawn } from "node:child_process";
import { join } from "node:path";
import { LabError } from "../lab-error.ts";
import { nodeOf, openLab } from "../lab-store.ts";
import type { Lab } from "../lab-types.ts";
import { type Command, flag, positionals, text } from "./command.ts";

const usage = "logs NODE | headscale | derp [--tailscaled] [--follow]";

export const logs: Command = {
  words: ["logs"],
  usage,
  summary: "the log of a node's daemon (or its tailscaled), of Headscale or of the relay",
  options: { id: { type: "string" }, follow: { type: "boolean" }, tailscaled: { type: "boolean" } },
  run: async (args) => {
    const [name] = positionals(args, ["NODE"], usage);
    const file = logFile(await openLab(text(args, "id")), name, flag(args, "tailscaled"));
    const follow = flag(args, "follow") ? ["-f"] : [];
    const child = spawn("tail", ["-n", "+1", ...follow, file], { stdio: "inherit" });
    return await new Promise((resolve, reject) => {
      child.once("error", (cause) => reject(new LabError("PROGRAM_MISSING", "cannot run tail", { cause })));
      child.once("exit", (code) => resolve(code ?? 0));
    });
  },
};

function logFile(lab: Lab, name: string, tailscaled: boolean): string {
  if (name === "headscale") return lab.headscale.logFile;
  if (name === "derp") return lab.derp.logFile;
  const node = nodeOf(lab, name);
  return tailscaled ? join(node.runtimeDir, "tailscaled.log") : node.logFile;
}
