import { copyFile, cp, link, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { copyImageStore } from "../kubernetes/images/image-store.ts";
import { chartFolder } from "../kubernetes/install/helm.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import type { KubeadmTools } from "./kubeadm-types.ts";

/** As the package kubernetes-cni, which kubelet's depends on, has them. */
const referencePlugins = ["bridge", "host-local", "loopback", "portmap", "ptp"];

/**
 * What kubelet must know of machines that share one machine's kernel, cgroups and disk. kubeadm's file has all else, and the
 * values of this one win over its (kubelet's `--config-dir`).
 */
const kubeletDropIn = {
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  kind: "KubeletConfiguration",
  cgroupDriver: "cgroupfs",
  cgroupsPerQOS: false,
  enforceNodeAllocatable: [],
  failCgroupV1: false,
  failSwapOn: false,
  localStorageCapacityIsolation: false,
  evictionHard: { "memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%" },
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
  // By default kubelet waits 10 s before it starts again what ended a second time, and twice as long each time.
  crashLoopBackOff: { maxContainerRestartPeriod: "1s" },
};

const kubeletUnit = `[Service]
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml --config-dir=/etc/kubelet.conf.d"
`;

/** systemd-sysctl, which would read it of /etc/sysctl.d, sets the whole machine's, too. */
const containerdUnit = `[Service]
ExecStartPre=/usr/sbin/sysctl -q -w net.ipv4.ip_forward=1
`;

/**
 * Puts on a node's disk what an operator has there who installed containerd and kubeadm with their packages: enabled units,
 * containerd's configuration, its images, the reference plugins, and HeadCNI's chart and image in /root. Headscale's package
 * is installed, too, and its unit is not enabled.
 */
export async function placeKubeadm(
  lab: Lab,
  node: LabNode,
  { disk, tools }: { readonly disk: string; readonly tools: KubeadmTools },
): Promise<void> {
  const etc = join(disk, "etc");
  const folders = [
    "opt",
    "root",
    "usr-local/bin",
    "etc/containerd",
    "etc/headscale",
    "etc/kubelet.conf.d",
    "etc/sysctl.d",
  ];
  for (const folder of folders) await mkdir(join(disk, folder), { recursive: true });
  await writeFile(join(etc, "containerd", "config.toml"), containerdConfig(tools.pauseImage));
  await writeFile(join(etc, "kubelet.conf.d", "10-lab.conf"), JSON.stringify(kubeletDropIn, null, 2));
  const units = join(etc, "systemd", "system");
  const wants = join(units, "multi-user.target.wants");
  await mkdir(wants, { recursive: true });
  for (const [unit, text] of [
    ["containerd.service", containerdUnit],
    ["kubelet.service", kubeletUnit],
  ] as const) {
    await mkdir(join(units, `${unit}.d`));
    await writeFile(join(units, `${unit}.d`, "15-lab.conf"), text);
    await symlink(`/usr/lib/systemd/system/${unit}`, join(wants, unit));
  }
  await copyImageStore(tools.imageStore, join(disk, "var", "lib", "containerd"));
  await mkdir(node.cniBinDir, { recursive: true });
  for (const plugin of referencePlugins)
    await copyFile(join(lab.tools.referencePlugins, plugin), join(node.cniBinDir, plugin));
  const archive = join(disk, "root", "headcni.tar");
  await link(tools.headcniArchive, archive).catch(() => copyFile(tools.headcniArchive, archive));
  await cp(chartFolder, join(disk, "root", "deploy", "chart", "headcni"), { recursive: true });
}

function containerdConfig(pauseImage: string): string {
  return `version = 3
disabled_plugins = ["io.containerd.nri.v1.nri"]

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "${pauseImage}"

[plugins."io.containerd.cri.v1.runtime"]
# Without the right to lower it, runc would die of the attempt.
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/opt/cni/bin"]
conf_dir = "/etc/cni/net.d"
`;
}
