import { createHash } from "node:crypto";
import {
  access,
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheFolder } from "../../build/go-tools.ts";
import type { Progress } from "../../progress.ts";
import { run } from "../../run-command.ts";
import { type ImageSource, writeImageArchive } from "./oci-image.ts";

/** The images that every node of a cluster has. The tag is not `latest`, so that kubelet does not try to pull them. */
export const imageNames = {
  /** The sandbox container of a pod. */
  pause: "localhost/headcni/pause:lab",
  /** A shell, httpd, ping, nc, nslookup: what a test's pod needs. */
  busybox: "localhost/headcni/busybox:lab",
  coredns: "localhost/headcni/coredns:lab",
  /** Built from deploy/Dockerfile; only where HeadCNI is installed by the chart. */
  headcni: "localhost/headcni/headcni:lab",
} as const;

/** The programs that go into the images; all static. */
export type ImagePrograms = { readonly init: string; readonly busybox: string; readonly coredns: string };

/** Makes the archive with the lab's images unless the cache has it, and returns its path. */
export async function ensureLabImages(programs: ImagePrograms, progress: Progress): Promise<string> {
  const hash = createHash("sha256");
  for (const program of Object.values(programs)) hash.update(await readFile(program));
  hash.update(await readFile(import.meta.filename));
  const archive = join(cacheFolder(), `images-${hash.digest("hex").slice(0, 12)}.tar`);
  if (await exists(archive)) return archive;
  progress("Making the images of the lab's pods");
  const work = await mkdtemp(`${archive}.`);
  try {
    const images = await Promise.all([
      pauseImage(programs.init, join(work, "pause")),
      busyboxImage(programs.busybox, join(work, "busybox")),
      corednsImage(programs.coredns, join(work, "coredns")),
    ]);
    const unfinished = join(work, "archive.tar");
    await writeImageArchive(images, join(work, "layout"), unfinished);
    await rename(unfinished, archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return archive;
}

async function pauseImage(init: string, root: string): Promise<ImageSource> {
  await install(init, join(root, "pause"));
  return { name: imageNames.pause, root, entrypoint: ["/pause"] };
}

async function corednsImage(coredns: string, root: string): Promise<ImageSource> {
  await install(coredns, join(root, "coredns"));
  return { name: imageNames.coredns, root, entrypoint: ["/coredns"] };
}

async function busyboxImage(busybox: string, root: string): Promise<ImageSource> {
  await install(busybox, join(root, "bin", "busybox"));
  const applets = (await run([busybox, "--list"])).trim().split("\n");
  for (const applet of applets.filter((name) => name !== "busybox")) {
    await symlink("busybox", join(root, "bin", applet));
  }
  for (const folder of ["etc", "root", "tmp", "var/www/cgi-bin"]) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await chmod(join(root, "tmp"), 0o1777);
  await writeFile(join(root, "etc", "passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  await writeFile(join(root, "etc", "group"), "root:x:0:\n");
  // Tells a client who answered and by which address the client is known to it.
  const answer =
    '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n%s %s\\n" "$(hostname)" "$REMOTE_ADDR"\n';
  await writeFile(join(root, "var", "www", "cgi-bin", "who"), answer, { mode: 0o755 });
  return {
    name: imageNames.busybox,
    root,
    entrypoint: [],
    command: ["httpd", "-f", "-p", "80", "-h", "/var/www"],
  };
}

async function install(program: string, destination: string): Promise<void> {
  await mkdir(dirname(destination), { recursive: true });
  await copyFile(program, destination);
  await chmod(destination, 0o755);
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
