import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { ensureImage } from "../../../deploy/image/ensure-image.ts";
import { compileC } from "../build/compile-c.ts";
import { ensurePackages } from "../build/debian-packages.ts";
import { ensureGoModule } from "../build/go-tools.ts";
import { ensureHelm } from "../build/helm-tool.ts";
import { LabError } from "../lab-error.ts";
import type { Progress } from "../progress.ts";
import type { ClusterOptions, ClusterTools, InstallTools } from "./cluster-types.ts";
import { ensureImageStore } from "./images/image-store.ts";
import { ensureLabImages, imageNames } from "./images/lab-images.ts";

const kubernetesVersion = "1.36.3";
const versionStamp = "k8s.io/component-base/version";

/** The Go module of Kubernetes; `test/conformance` builds its tests from the same pins. */
export const kubernetesModule = {
  folder: "kubernetes",
  what: `Kubernetes ${kubernetesVersion} and etcd`,
  // Without the stamp every part calls itself v0.0.0-master.
  linkerFlags: [
    `-X ${versionStamp}.gitVersion=v${kubernetesVersion}`,
    ...[`-X ${versionStamp}.gitMajor=1`, `-X ${versionStamp}.gitMinor=36`],
  ].join(" "),
};

/** What a cluster needs beyond the rest of the lab, and the Debian package that brings it. */
const needs = {
  runc: "runc",
  busybox: "busybox-static",
  openssl: "openssl",
  unshare: "util-linux",
  tar: "tar",
};

/** Installs and builds the programs of a cluster that are missing and returns where they are. */
export async function ensureClusterTools(
  { network }: ClusterOptions,
  progress: Progress,
): Promise<ClusterTools> {
  await ensurePackages(progress, needs);
  const kubernetes = await ensureGoModule(kubernetesModule, progress);
  const containerd = await ensureGoModule(
    { folder: "containerd", what: "containerd 2.2.1", linkerFlags: "" },
    progress,
  );
  const coredns = await ensureGoModule(
    { folder: "coredns", what: "CoreDNS 1.13.1", linkerFlags: "" },
    progress,
  );
  const init = await compileC(join(import.meta.dirname, "node", "init.c"), ["-static", "-s"]);
  const programs = { init, busybox: await onPath("busybox"), coredns: join(coredns, "coredns") };
  const images = await ensureLabImages(programs, progress);
  // Go names a program after its package's folder.
  const install = network === "chart" || network === "none" ? await ensureInstallTools(progress) : undefined;
  const archives = [images, ...(install === undefined ? [] : [install.image.archive])];
  const imageStore = await ensureImageStore(containerd, archives, progress);
  return { etcd: join(kubernetes, "server"), kubernetes, containerd, init, images, imageStore, install };
}

/** Helm and HeadCNI's image of the source as it is now, or as it was when `npm test` began (LAB_IMAGE). */
async function ensureInstallTools(progress: Progress): Promise<InstallTools> {
  const helm = await ensureHelm(progress);
  const name = imageNames.headcni;
  const { LAB_IMAGE: built } = process.env;
  const archive = built ?? (await ensureImage({ name }, progress)).archive;
  return { helm, image: { name, archive } };
}

async function onPath(program: string): Promise<string> {
  const { PATH = "" } = process.env;
  for (const folder of [...PATH.split(delimiter), "/usr/sbin", "/sbin"]) {
    const path = join(folder, program);
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  throw new LabError("PROGRAM_MISSING", `${program} is not on PATH`);
}
