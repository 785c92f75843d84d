import { ensurePackages } from "../build/debian-packages.ts";
import { bootNode, inNode, nodeInit, processOnNode } from "../kubernetes/node/node-machine.ts";
import { cutPower, powerOn } from "../kubernetes/node/node-power.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import type { ProcessIdentity } from "../processes/processes.ts";
import type { Progress } from "../progress.ts";
import { type CommandLine, type CommandResult, runResult } from "../run-command.ts";
import { waitUntil } from "../wait-until.ts";
import { makeSystemdDisk } from "./systemd-disk.ts";

/** Makes the disk of a node with systemd and boots it. HeadCNI's files are there, `headcnictl install` has not run. */
export async function startSystemdNode(lab: Lab, node: LabNode, progress: Progress): Promise<void> {
  await ensurePackages(progress, { "/lib/systemd/systemd": "systemd" });
  await makeSystemdDisk(lab, node, progress);
  await bootNode(lab, node);
  await waitForSystemd(lab, node);
  const first = node.mode === "host" ? "tailscale up" : "kubeadm init";
  const next = lab.tools.kubeadm === undefined ? "headcnictl install" : first;
  progress(`Node ${node.name} runs systemd; ${next} is next`);
}

/** Runs a command to its end on a node with systemd, as root. */
export async function execOnSystemd(lab: Lab, node: LabNode, command: CommandLine): Promise<CommandResult> {
  return await runResult(await inNode(lab, node, command), { timeoutMs: 180_000 });
}

/** The main process of a unit, as this machine knows it; undefined while it does not run. */
export async function unitProcess(
  lab: Lab,
  node: LabNode,
  unit: string,
): Promise<ProcessIdentity | undefined> {
  if ((await nodeInit(lab, node)) === undefined) return undefined;
  const { stdout } = await execOnSystemd(lab, node, ["systemctl", "show", "-P", "MainPID", unit]);
  const pid = Number.parseInt(stdout, 10);
  return pid > 0 ? await processOnNode(lab, node, pid) : undefined;
}

/** Waits until systemd has done all that it starts at boot, and no unit has failed. */
export async function waitForSystemd(lab: Lab, node: LabNode): Promise<void> {
  const ask = async (...args: readonly string[]) =>
    (await execOnSystemd(lab, node, ["systemctl", ...args])).stdout.trim();
  await waitUntil(async () => (await ask("is-system-running")) === "running", {
    what: `systemd of ${node.name} is running`,
    timeoutMs: 120_000,
    explain: async () =>
      [await ask("is-system-running"), await ask("--failed", "--plain"), await ask("list-jobs")].join("\n"),
  });
}

/** Restarts a node as its operator would: systemd ends everything in its order, and boots from the same disk. */
export async function rebootSystemd(lab: Lab, node: LabNode): Promise<void> {
  await execOnSystemd(lab, node, ["systemctl", "reboot"]);
  await waitUntil(async () => (await nodeInit(lab, node)) === undefined, {
    what: `systemd of ${node.name} has ended`,
    timeoutMs: 120_000,
    explain: async () => (await execOnSystemd(lab, node, ["systemctl", "list-jobs"])).stdout,
  });
  // What a machine's memory held: its network and its cgroups.
  await cutPower(lab, node);
  await powerOn(lab, node);
}
