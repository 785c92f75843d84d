import type { Lab, LabNode } from "../lab-types.ts";
import type { CommandLine } from "../run-command.ts";

/** Process 1 of a node with systemd, as /proc/PID/exe names it. */
export const systemdProgram = "/usr/lib/systemd/systemd";

/** Whether a node is run by a systemd of its own. */
export function runsSystemd(lab: Lab, node: LabNode): boolean {
  return lab.options.systemd?.includes(node.name) === true;
}

/** A command line as root's shell of such a node would run it: nothing of this process's environment. */
export function onSystemd(command: CommandLine): CommandLine {
  const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return ["env", "--ignore-environment", path, "HOME=/root", ...command];
}

/** cnitool on such a node, with the folders that a runtime looks in. */
export function systemdCnitool(...args: readonly string[]): CommandLine {
  return [
    "env",
    "NETCONFPATH=/etc/cni/net.d",
    "CNI_PATH=/opt/cni/bin",
    "CNI_IFNAME=eth0",
    "cnitool",
    ...args,
  ];
}
