import { readFileSync, readlinkSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { LabError } from "../../lab-error.ts";
import type { Lab, LabNode } from "../../lab-types.ts";
import { ownersRunFolder } from "../../layout.ts";
import { netnsPath } from "../../network/netns.ts";
import { tailOf } from "../../processes/log-tail.ts";
import {
  childOf,
  identify,
  isAlive,
  type ProcessIdentity,
  programOf,
  readProcess,
  requireAlive,
  startProcess,
} from "../../processes/processes.ts";
import type { CommandLine } from "../../run-command.ts";
import { onSystemd, runsSystemd, systemdProgram } from "../../systemd/systemd.ts";
import { waitUntil } from "../../wait-until.ts";
import { clusterOf, nodeLogFile } from "../cluster.ts";
import { nodeCgroup } from "./cgroups.ts";

/** The scripts and the programs that a node's first process is, one after another; it has booted when it is the last. */
type Boot = { readonly initScript: string; readonly init: string };

function bootOf(lab: Lab, node: LabNode): Boot {
  return runsSystemd(lab, node)
    ? { initScript: join(import.meta.dirname, "..", "..", "systemd", "node-init.sh"), init: systemdProgram }
    : { initScript: script("node-init.sh"), init: clusterOf(lab).tools.init };
}

function script(name: string): string {
  return join(import.meta.dirname, name);
}

/** Name of the record of the process that has a node's first process as its child. */
function bootName(node: LabNode): string {
  return `${node.name}-boot`;
}

/**
 * Boots a node: gives it mount, UTS, pid and cgroup namespaces of its own beside its network namespace, so that kubelet,
 * containerd and what a DaemonSet installs find the usual paths and see nothing of the other nodes. All its processes,
 * mounts and pods end with its first process. The node's network namespace must be there.
 */
export async function bootNode(lab: Lab, node: LabNode): Promise<void> {
  // What a reboot would not leave.
  for (const folder of [node.runtimeDir, ownersRunFolder(node.folder)])
    await rm(folder, { recursive: true, force: true });
  await mkdir(join(node.folder, "disk"), { recursive: true });
  const { initScript, init } = bootOf(lab, node);
  await startProcess(lab.processFolder, {
    name: bootName(node),
    netns: node.netns,
    command: ["sh", script("node-boot.sh"), initScript, init],
    env: {
      NODE_NAME: node.name,
      NODE_FOLDER: node.folder,
      NODE_PACKAGES: lab.tools.kubeadm?.packages ?? "",
      NODE_CNI_BIN: node.cniBinDir,
      NODE_CNI_CONF: node.cniConfDir,
      NODE_RUNTIME: node.runtimeDir,
      NODE_STATE: node.stateDir,
      NODE_TAILSCALE: ownersRunFolder(node.folder),
      NODE_CGROUP: nodeCgroup(lab.id, node.name),
    },
    logFile: nodeLogFile(node, "init"),
  });
  const booted = async () => {
    await requireAlive(lab.processFolder, bootName(node));
    return (await nodeInit(lab, node)) !== undefined;
  };
  await waitUntil(booted, {
    what: `${node.name} has booted`,
    timeoutMs: 60_000,
    everyMs: 50,
    explain: () => tailOf(nodeLogFile(node, "init")),
  });
}

/** The first process of a node that is a machine of its own, while it runs; all others of the node end with it. */
export async function nodeInit(lab: Lab, node: LabNode): Promise<ProcessIdentity | undefined> {
  const record = await readProcess(lab.processFolder, bootName(node));
  const child = record !== undefined && isAlive(record) ? childOf(record.pid) : undefined;
  // The script becomes the init program only after its last mount.
  return child !== undefined && programOf(child.pid) === bootOf(lab, node).init ? child : undefined;
}

/** Whether nodes boot: they have kubelets. */
export function hasMachines({ options: { kubernetes } }: Lab): boolean {
  return kubernetes !== undefined && kubernetes.apiOnly !== true;
}

/**
 * The command line that runs `command` as a process of a node, in all its namespaces. For `startProcess`, which sees
 * the program as the child of this line (`forks`). In a lab without kubelets nodes have a network namespace only,
 * but for those that run systemd.
 */
export async function onNode(
  lab: Lab,
  node: LabNode,
  command: CommandLine,
): Promise<{ readonly command: CommandLine; readonly forks: boolean }> {
  const systemd = runsSystemd(lab, node);
  if (!hasMachines(lab) && !systemd) return { command, forks: false };
  const init = await nodeInit(lab, node);
  if (init === undefined) throw new LabError("NOT_READY", `${node.name} does not run`);
  const all = ["--mount", "--uts", "--pid", "--cgroup"] as const;
  const entered = systemd ? onSystemd(command) : ["sh", script("node-enter.sh"), ...command];
  return { command: ["nsenter", `--target=${init.pid}`, ...all, "--", ...entered], forks: true };
}

/** The command line that runs `command` to its end as a process of a node. */
export async function inNode(lab: Lab, node: LabNode, command: CommandLine): Promise<CommandLine> {
  const entered = await onNode(lab, node, command);
  return ["nsenter", `--net=${netnsPath(node.netns)}`, "--", ...entered.command];
}

/** The process that a node that is a machine of its own knows as `pid`, as the machine knows it (proc(5), `NSpid`). */
export async function processOnNode(
  lab: Lab,
  node: LabNode,
  pid: number,
): Promise<ProcessIdentity | undefined> {
  const init = await nodeInit(lab, node);
  const namespace = init === undefined ? "" : pidNamespace(init.pid);
  if (namespace === "") return undefined;
  const candidates = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = candidates.find((candidate) => {
    if (pidNamespace(candidate) !== namespace) return false;
    const status = readOrEmpty(() => readFileSync(`/proc/${candidate}/status`, "utf8"));
    return Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1]) === pid;
  });
  return found === undefined ? undefined : identify(found);
}

function pidNamespace(pid: number): string {
  return readOrEmpty(() => readlinkSync(`/proc/${pid}/ns/pid`));
}

function readOrEmpty(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
