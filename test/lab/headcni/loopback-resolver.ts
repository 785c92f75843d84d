import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab, LabNode } from "../lab-types.ts";
import { startProcess } from "../processes/processes.ts";
import { type CommandLine, run } from "../run-command.ts";

/** A node's resolver on 127.0.0.1, if the lab wants one, and what `withOwnResolver` needs. */
export async function startLoopbackResolver(lab: Lab, node: LabNode): Promise<void> {
  const name = lab.options.nameOnLoopback;
  if (name === undefined) return;
  await writeFile(resolvConf(node), "nameserver 127.0.0.1\n");
  // The daemon's mounts are made in a mount namespace of its own, and seen outside as on any node.
  await run(["mount", "--bind", node.runtimeDir, node.runtimeDir]);
  await run(["mount", "--make-shared", node.runtimeDir]);
  const program = join(import.meta.dirname, "..", "traffic", "name-server.ts");
  await startProcess(lab.processFolder, {
    name: `${node.name}-resolver`,
    netns: node.netns,
    command: [process.execPath, program, name, new URL(lab.headscale.url).hostname, "127.0.0.1"],
    env: {},
    logFile: join(node.folder, "resolver.log"),
  });
}

/** A command line as it is, or in a mount namespace where /etc/resolv.conf is the node's own; a program in it keeps the pid. */
export function withOwnResolver(lab: Lab, node: LabNode, command: CommandLine): CommandLine {
  if (lab.options.nameOnLoopback === undefined) return command;
  const mounts =
    'mount --make-private / && { mount --make-private /etc/resolv.conf 2>/dev/null || true; } && mount --bind "$1" /etc/resolv.conf';
  const inside = ["sh", "-c", `${mounts} && shift && exec "$@"`, "sh", resolvConf(node), ...command];
  return ["unshare", "--mount", "--propagation", "unchanged", "--", ...inside];
}

function resolvConf(node: LabNode): string {
  return join(node.folder, "resolv.conf");
}
