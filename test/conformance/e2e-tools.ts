import { join } from "node:path";
import { ensurePackages } from "../lab/build/debian-packages.ts";
import { ensureGoModule } from "../lab/build/go-tools.ts";
import { kubernetesModule } from "../lab/kubernetes/cluster-tools.ts";
import type { Progress } from "../lab/progress.ts";
import { run } from "../lab/run-command.ts";
import { agnhostNeeds, ensureAgnhostArchive } from "./agnhost-image.ts";

/** Kubernetes' own tests, as absolute paths. */
export type E2eTools = {
  readonly ginkgo: string;
  readonly tests: string;
  /** An archive with the image that the tests' pods run. */
  readonly images: string;
};

/** Builds what is missing of Kubernetes' end-to-end tests, from the pins of the lab's Kubernetes. */
export async function ensureE2eTools(progress: Progress): Promise<E2eTools> {
  const { linkerFlags, what } = kubernetesModule;
  await ensurePackages(progress, agnhostNeeds);
  const folder = await ensureGoModule(
    {
      folder: "kubernetes",
      cacheName: "kubernetes-e2e",
      script: "go-build-e2e.sh",
      what: `the tests of ${what}`,
      linkerFlags,
    },
    progress,
  );
  const tests = join(folder, "e2e.test");
  const listed = (await run([tests, "--list-images"])).split("\n");
  // One root serves for all: it has glibc's resolver, from which the tests of DNS also ask, and agnhost can pause.
  const names = listed.filter((name) => /\/(agnhost|glibc-dns-testing|pause):[\d.]+$/.test(name)).sort();
  const images = await ensureAgnhostArchive(join(folder, "agnhost"), names, progress);
  return { ginkgo: join(folder, "ginkgo"), tests, images };
}
