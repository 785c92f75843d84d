import { join } from "node:path";
import { ensureImage } from "../../../deploy/image/ensure-image.ts";
import { agnhostNeeds, ensureAgnhostArchive } from "../../conformance/agnhost-image.ts";
import { compileC } from "../build/compile-c.ts";
import { ensurePackages } from "../build/debian-packages.ts";
import { ensureGoModule, ensureGoTools } from "../build/go-tools.ts";
import { ensureHelm } from "../build/helm-tool.ts";
import { kubernetesModule } from "../kubernetes/cluster-tools.ts";
import { ensureImageStore } from "../kubernetes/images/image-store.ts";
import { imageNames } from "../kubernetes/images/lab-images.ts";
import type { Progress } from "../progress.ts";
import { ensureKubeadmImages, pauseImageOf } from "./kubeadm-images.ts";
import type { KubeadmTools } from "./kubeadm-types.ts";
import { ensureMachinePackages } from "./machine-packages.ts";

const needs = { runc: "runc", iptables: "iptables", losetup: "util-linux", tar: "tar" };

/** The image of the guides' pods. */
const agnhostImage = "registry.k8s.io/e2e-test-images/agnhost:2.53";

/** Installs, builds and packs what is missing for nodes that become a cluster by kubeadm. */
export async function ensureKubeadmTools(progress: Progress): Promise<KubeadmTools> {
  await ensurePackages(progress, { ...needs, ...agnhostNeeds });
  const kubernetes = await ensureGoModule(kubernetesModule, progress);
  const containerd = await ensureGoModule(
    { folder: "containerd", what: "containerd 2.2.1", linkerFlags: "" },
    progress,
  );
  const coredns = await ensureGoModule(
    { folder: "coredns", what: "CoreDNS 1.13.1", linkerFlags: "" },
    progress,
  );
  const init = await compileC(join(import.meta.dirname, "..", "kubernetes", "node", "init.c"), [
    "-static",
    "-s",
  ]);
  const helm = await ensureHelm(progress);
  const programs = { kubernetes, coredns: join(coredns, "coredns"), init };
  const { headscale } = await ensureGoTools(progress);
  const headcniArchive = await ensureHeadcni(progress);
  const archives = [
    await ensureKubeadmImages(programs, progress),
    await ensureAgnhost(progress),
    headcniArchive,
  ];
  return {
    packages: await ensureMachinePackages({ kubernetes, containerd, helm, headscale }, progress),
    imageStore: await ensureImageStore(containerd, archives, progress),
    headcniArchive,
    pauseImage: await pauseImageOf(kubernetes),
  };
}

async function ensureAgnhost(progress: Progress): Promise<string> {
  const folder = await ensureGoModule(
    {
      ...kubernetesModule,
      cacheName: "agnhost-program",
      script: "go-build-agnhost.sh",
      what: "the program of Kubernetes' example pods",
    },
    progress,
  );
  return await ensureAgnhostArchive(join(folder, "agnhost"), [agnhostImage], progress);
}

/** Of the source as it is now, or as it was when `npm test` began (LAB_IMAGE). */
async function ensureHeadcni(progress: Progress): Promise<string> {
  const { LAB_IMAGE: built } = process.env;
  return built ?? (await ensureImage({ name: imageNames.headcni }, progress)).archive;
}
