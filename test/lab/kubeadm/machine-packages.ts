import { createHash } from "node:crypto";
import { copyFile, link, mkdir, mkdtemp, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pruneCache } from "../../../deploy/image/prune-cache.ts";
import { cacheFolder } from "../build/go-tools.ts";
import type { Progress } from "../progress.ts";

/** Folders with programs of Kubernetes, of containerd and of Headscale, and helm. */
export type PackagePrograms = {
  readonly kubernetes: string;
  readonly containerd: string;
  readonly helm: string;
  readonly headscale: string;
};

/**
 * The drop-in of kubeadm's package and the units of kubelet's and containerd's (kubernetes/release, containerd.service), by their paths in
 * /usr; that of Headscale's package has a user of its own, who is not on a lab's nodes.
 */
const units = {
  "lib/systemd/system/kubelet.service": `[Unit]
Description=kubelet: The Kubernetes Node Agent
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
`,
  "lib/systemd/system/kubelet.service.d/10-kubeadm.conf": `[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`,
  "lib/systemd/system/containerd.service": `[Unit]
Description=containerd container runtime
After=network.target local-fs.target

[Service]
ExecStart=/usr/bin/containerd
Type=notify
Delegate=yes
KillMode=process
Restart=always
RestartSec=5
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`,
  "lib/systemd/system/headscale.service": `[Unit]
Description=headscale coordination server for Tailscale
After=network.target

[Service]
ExecStart=/usr/bin/headscale serve
Restart=always
RestartSec=5
RuntimeDirectory=headscale
StateDirectory=headscale

[Install]
WantedBy=multi-user.target
`,
} as const;

/** Makes the folder that lies over the /usr of nodes unless the cache has it, and returns its path. */
export async function ensureMachinePackages(programs: PackagePrograms, progress: Progress): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(programs));
  hash.update(await readFile(import.meta.filename));
  const folder = join(cacheFolder(), `machine-packages-${hash.digest("hex").slice(0, 12)}`);
  const now = new Date();
  const there = await utimes(folder, now, now).then(
    () => true,
    () => false,
  );
  if (there) return folder;
  progress("Putting together what kubeadm's nodes have installed");
  const work = await mkdtemp(`${folder}.`);
  try {
    await fill(work, programs);
    // Somebody beside this one may have been quicker.
    await rename(work, folder).catch(() => utimes(folder, now, now));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  await pruneCache(cacheFolder(), /^machine-packages-[0-9a-f]{12}$/);
  return folder;
}

async function fill(
  folder: string,
  { kubernetes, containerd, helm, headscale }: PackagePrograms,
): Promise<void> {
  const programs = [
    ...["kubeadm", "kubectl", "kubelet"].map((name) => join(kubernetes, name)),
    ...["containerd", "containerd-shim-runc-v2", "ctr"].map((name) => join(containerd, name)),
    helm,
    join(headscale, "headscale"),
  ];
  await mkdir(join(folder, "bin"), { recursive: true });
  for (const program of programs) {
    const place = join(folder, "bin", basename(program));
    await link(program, place).catch(() => copyFile(program, place));
  }
  for (const [path, text] of Object.entries(units)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}
