import { randomBytes } from "node:crypto";
import { copyFile, cp, lstat, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { makeContext } from "../../../deploy/image/image-context.ts";
import { daemonConfig } from "../headcni/daemon-config.ts";
import { placeKubeadm } from "../kubeadm/kubeadm-disk.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import type { Progress } from "../progress.ts";
import { placeOwnersTailscaled } from "./owners-tailscaled.ts";

/** What of this machine's /etc programs of /usr rely on; the rest of a node's /etc is its own. */
const machineFiles = [
  "alternatives",
  "group",
  "iproute2",
  "ld.so.cache",
  "nsswitch.conf",
  "passwd",
  "protocols",
  "ssl",
];

/** Units that are for devices, consoles, sessions and the kernel of a whole machine. */
const masked = [
  "dbus.service",
  "dbus.socket",
  "dev-hugepages.mount",
  "dev-mqueue.mount",
  "getty.target",
  "kmod-static-nodes.service",
  "proc-sys-fs-binfmt_misc.automount",
  "sys-fs-fuse-connections.mount",
  "sys-kernel-config.mount",
  "sys-kernel-debug.mount",
  "sys-kernel-tracing.mount",
  "systemd-binfmt.service",
  "systemd-firstboot.service",
  "systemd-journald-audit.socket",
  "systemd-logind.service",
  "systemd-modules-load.service",
  "systemd-random-seed.service",
  "systemd-sysctl.service",
];

/** The disk of a node with systemd: `node-init.sh` makes its root of it. */
function diskOf(node: LabNode): string {
  return join(node.folder, "disk");
}

/**
 * Makes the disk of a node with systemd: the files of HeadCNI's image at their places, Node, cnitool, HeadCNI's
 * configuration and key, and an /etc that boots into multi-user.target with nothing to start. In a lab with kubeadm
 * nothing of HeadCNI, and instead what kubeadm needs.
 */
export async function makeSystemdDisk(lab: Lab, node: LabNode, progress: Progress): Promise<void> {
  const disk = diskOf(node);
  const etc = join(disk, "etc");
  const units = join(etc, "systemd", "system");
  for (const folder of [units, join(disk, "var", "log", "journal")]) await mkdir(folder, { recursive: true });
  for (const name of machineFiles) await copyIfThere(join("/etc", name), join(etc, name));
  await writeFile(join(etc, "machine-id"), `${randomBytes(16).toString("hex")}\n`);
  await writeFile(join(etc, "hostname"), `${node.name}\n`);
  await writeFile(join(etc, "hosts"), "127.0.0.1 localhost\n::1 localhost\n");
  await writeFile(join(etc, "resolv.conf"), "nameserver 10.99.0.1\n");
  await symlink("/lib/systemd/system/multi-user.target", join(units, "default.target"));
  for (const unit of masked) await symlink("/dev/null", join(units, unit));
  const { kubeadm } = lab.tools;
  if (kubeadm !== undefined) await placeKubeadm(lab, node, { disk, tools: kubeadm });
  else await placeHeadcni(lab, node, disk, progress);
  if (node.mode === "host") await placeOwnersTailscaled(lab, node, disk);
}

async function placeHeadcni(lab: Lab, node: LabNode, disk: string, progress: Progress): Promise<void> {
  await placeFiles(lab, disk, progress);
  const folder = join(disk, "etc", "headcni");
  await mkdir(folder, { recursive: true });
  await writeConfig(lab, node, folder);
}

/** deploy/README.md, "Nodes without a DaemonSet": the image's files as they stand on a node, and Node beside them. */
async function placeFiles(lab: Lab, disk: string, progress: Progress): Promise<void> {
  const context = join(disk, "context");
  await makeContext(context, progress);
  await rename(join(context, "root", "opt"), join(disk, "opt"));
  await rename(join(context, "root", "usr", "local"), join(disk, "usr-local"));
  await rm(context, { recursive: true });
  const programs = join(disk, "usr-local", "bin");
  for (const program of [process.execPath, lab.tools.cnitool])
    await copyFile(program, join(programs, basename(program)));
}

/** The configuration as an operator writes it: the lab's, with the paths by which the node knows its folders. */
async function writeConfig(lab: Lab, node: LabNode, folder: string): Promise<void> {
  await copyFile(lab.headscale.authKeyFile, join(folder, "auth.key"));
  const config = daemonConfig(
    {
      ...lab,
      headscale: { ...lab.headscale, authKeyFile: "/etc/headcni/auth.key" },
      tools: { ...lab.tools, tailscaled: "/usr/local/bin/tailscaled" },
    },
    {
      ...node,
      tailscaledSocket: "/run/tailscale/tailscaled.sock",
      runtimeDir: "/run/headcni",
      stateDir: "/var/lib/headcni",
      cniConfDir: "/etc/cni/net.d",
      cniBinDir: "/opt/cni/bin",
    },
  );
  await writeFile(join(folder, "config.yaml"), JSON.stringify(config, null, 2));
}

async function copyIfThere(from: string, to: string): Promise<void> {
  const there = await lstat(from).then(
    () => true,
    () => false,
  );
  if (there) await cp(from, to, { recursive: true, verbatimSymlinks: true });
}
