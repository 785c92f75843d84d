import { createHash } from "node:crypto";
import { access, mkdtemp, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../build/go-tools.ts";
import { installFile, installWithLibraries } from "../kubernetes/images/image-files.ts";
import { type ImageSource, writeImageArchive } from "../kubernetes/images/oci-image.ts";
import type { Progress } from "../progress.ts";
import { run } from "../run-command.ts";

/** The programs that go into the images: a folder with those of Kubernetes, CoreDNS, and the first process of a pod. */
export type ImagePrograms = { readonly kubernetes: string; readonly coredns: string; readonly init: string };

/** Where iptables finds its extensions, and the names that kube-proxy runs it by. */
const extensions = "/usr/lib/x86_64-linux-gnu/xtables";
const iptablesNames = ["iptables", "ip6tables"].flatMap((name) =>
  ["", "-save", "-restore"].map((suffix) => `${name}${suffix}`),
);

/** Makes an archive with the images that kubeadm asks for unless the cache has it, and returns its path. */
export async function ensureKubeadmImages(programs: ImagePrograms, progress: Progress): Promise<string> {
  const names = await imageList(programs.kubernetes);
  // Folders with programs are named by what they were built from.
  const hash = createHash("sha256").update(JSON.stringify([programs, names]));
  hash.update(await readFile(import.meta.filename));
  const archive = join(cacheFolder(), `kubeadm-images-${hash.digest("hex").slice(0, 12)}.tar`);
  const there = await access(archive).then(
    () => true,
    () => false,
  );
  if (there) return archive;
  progress("Making the images that kubeadm asks for");
  const work = await mkdtemp(`${archive}.`);
  try {
    const images = await Promise.all(
      names.map((name) => imageOf(programs, name, join(work, name.replaceAll("/", "-")))),
    );
    const unfinished = join(work, "archive.tar");
    await writeImageArchive(images, join(work, "layout"), unfinished);
    await rename(unfinished, archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return archive;
}

/** The name of the sandbox container's image, as the kubeadm in a folder has it. */
export async function pauseImageOf(kubernetes: string): Promise<string> {
  return (await imageList(kubernetes)).find((name) => partOf(name) === "pause") ?? "";
}

async function imageList(kubernetes: string): Promise<readonly string[]> {
  const kubeadm = join(kubernetes, "kubeadm");
  const version = (await run([kubeadm, "version", "-o", "short"])).trim();
  const listed = await run([kubeadm, "config", "images", "list", `--kubernetes-version=${version}`]);
  return listed.trim().split("\n");
}

/** `etcd` of `registry.k8s.io/etcd:3.6.8-0`. */
function partOf(name: string): string {
  return /([^/:]+):[^/]*$/.exec(name)?.[1] ?? name;
}

/** An image with one program at the place where kubeadm's pods run it. */
async function imageOf(
  { kubernetes, coredns, init }: ImagePrograms,
  name: string,
  root: string,
): Promise<ImageSource> {
  const part = partOf(name);
  switch (part) {
    case "pause":
      await installFile(init, join(root, "pause"));
      return { name, root, entrypoint: ["/pause"] };
    case "coredns":
      await installFile(coredns, join(root, "coredns"));
      return { name, root, entrypoint: ["/coredns"] };
    case "etcd":
      // Go names a program after its package's folder.
      await installFile(join(kubernetes, "server"), join(root, "usr/local/bin/etcd"));
      return { name, root, entrypoint: [] };
    default:
      await installFile(join(kubernetes, part), join(root, "usr/local/bin", part));
      if (part === "kube-proxy") await installIptables(root);
      return { name, root, entrypoint: [] };
  }
}

async function installIptables(root: string): Promise<void> {
  await installWithLibraries("/usr/sbin/nft", root, "usr/sbin/nft");
  await installWithLibraries("/usr/sbin/xtables-nft-multi", root, "usr/sbin/xtables-nft-multi");
  for (const name of iptablesNames) await symlink("xtables-nft-multi", join(root, "usr/sbin", name));
  for (const file of await readdir(extensions))
    await installWithLibraries(join(extensions, file), root, join(extensions, file));
}
