import { dirname, join } from "node:path";
import { type FoundWire, findWire } from "../../../src/adapters/wire/find-wire.ts";
import { onNode } from "../kubernetes/node/node-machine.ts";
import { LabError } from "../lab-error.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import { inNetns } from "../network/netns.ts";
import { startProcess } from "../processes/processes.ts";
import type { CommandLine } from "../run-command.ts";
import { withOwnResolver } from "./loopback-resolver.ts";

/** All that the containers of the chart may do. */
const capabilities = ["net_admin", "net_raw", "sys_admin"];

/** A command line with the capabilities of the chart's containers and no others. */
function confined(command: CommandLine): CommandLine {
  const bounding = ["-all", ...capabilities.map((name) => `+${name}`)].join(",");
  return ["setpriv", "--inh-caps=-all", `--bounding-set=${bounding}`, "--no-new-privs", ...command];
}

/** A command line of a program of HeadCNI as a node runs it: with its capabilities, and the node's resolv.conf. */
export function asProgram(lab: Lab, node: LabNode, command: CommandLine): CommandLine {
  return withOwnResolver(lab, node, confined(command));
}

/** Starts a node's headcni-wire; the daemon finds it by itself. */
export async function startWire(lab: Lab, node: LabNode): Promise<void> {
  await startProcess(lab.processFolder, {
    name: `${node.name}-wire`,
    netns: node.netns,
    ...(await onNode(lab, node, asProgram(lab, node, [...launcherOf(lab), "--config", node.configFile]))),
    env: {},
    logFile: wireLog(node),
  });
}

/** Log of headcni-wire and of the tailscaled that it runs. */
export function wireLog(node: LabNode): string {
  return join(node.folder, "wire.log");
}

/**
 * What makes a command line run in the network namespace of the tailscaled that carries a node's pods: X, or in mode host the node's.
 * Throws LabError NOT_READY without headcni-wire.
 */
export async function intoTailnet(node: LabNode): Promise<(command: CommandLine) => CommandLine> {
  if (node.mode === "host") return (command) => inNetns(node.netns, command);
  const wire = await runningWire(node);
  if (wire === undefined) throw new LabError("NOT_READY", `headcni-wire of ${node.name} does not run`);
  return (command) => ["nsenter", `--net=/proc/${wire.launcher.pid}/ns/net`, "--", ...command];
}

/** A node's headcni-wire as it runs now, if it does. */
export async function runningWire(node: LabNode): Promise<FoundWire | undefined> {
  return await findWire(join(node.runtimeDir, "wire.json")).catch(() => undefined);
}

/** The launcher stands beside the daemon, in the bundle and in the source. */
function launcherOf(lab: Lab): CommandLine {
  if (lab.daemon === undefined)
    throw new LabError("BAD_OPTION", `lab "${lab.id}" was started without HeadCNI`);
  const [program, ...args] = lab.daemon;
  const daemon = args.at(-1) ?? "";
  const launcher = daemon.endsWith(".ts")
    ? join(dirname(daemon), "wire", "main.ts")
    : join(dirname(daemon), "headcni-wire.mjs");
  return [program, ...args.slice(0, -1), launcher];
}
