import { createHash } from "node:crypto";
import { access, chmod, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheFolder } from "../lab/build/go-tools.ts";
import { installFile, installWithLibraries } from "../lab/kubernetes/images/image-files.ts";
import { writeImageArchive } from "../lab/kubernetes/images/oci-image.ts";
import type { Progress } from "../lab/progress.ts";

/** Programs that the tests run in their pods by name, beside agnhost itself, and the Debian packages that have them. */
export const agnhostNeeds = {
  curl: "curl",
  dig: "bind9-dnsutils",
  getent: "libc-bin",
  ip: "iproute2",
  "/bin/dash": "dash",
  "/bin/nc.openbsd": "netcat-openbsd",
  "/bin/busybox": "busybox-static",
};

/** Where the image has programs, and from where on this machine they come. */
const programs: Readonly<Record<string, string>> = {
  "bin/curl": "/usr/bin/curl",
  "bin/dig": "/usr/bin/dig",
  "bin/getent": "/usr/bin/getent",
  "bin/ip": "/bin/ip",
  "bin/nc": "/bin/nc.openbsd",
  // Debian's busybox as a shell runs its own nc and ip, whatever PATH holds.
  "bin/sh": "/bin/dash",
  "bin/busybox": "/bin/busybox",
};

const applets = ["cat", "date", "echo", "env", "grep", "head", "hostname", "id", "ls", "mkdir", "nslookup"];
const moreApplets = [
  "ping",
  "ps",
  "rm",
  "sed",
  "seq",
  "sleep",
  "sort",
  "stat",
  "tail",
  "test",
  "tr",
  "true",
  "wc",
  "wget",
];

/** Makes an archive with the tests' image under all its names unless the cache has it, and returns its path. */
export async function ensureAgnhostArchive(
  agnhost: string,
  names: readonly string[],
  progress: Progress,
): Promise<string> {
  const hash = createHash("sha256").update(agnhost).update(names.join(" "));
  hash.update(await readFile(import.meta.filename));
  const archive = join(cacheFolder(), `agnhost-${hash.digest("hex").slice(0, 12)}.tar`);
  const there = await access(archive).then(
    () => true,
    () => false,
  );
  if (there) return archive;
  progress("Making the image of the tests' pods");
  const work = await mkdtemp(`${archive}.`);
  try {
    const root = join(work, "root");
    await fill(root, agnhost);
    const images = names.map((name) => ({ name, root, entrypoint: ["/agnhost"], command: ["pause"] }));
    const unfinished = join(work, "archive.tar");
    await writeImageArchive(images, join(work, "layout"), unfinished);
    await rename(unfinished, archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return archive;
}

async function fill(root: string, agnhost: string): Promise<void> {
  for (const file of ["agnhost", "localhost.crt", "localhost.key"]) {
    await installFile(join(dirname(agnhost), file), join(root, file));
  }
  for (const [place, program] of Object.entries(programs)) {
    await installWithLibraries(program, root, place);
  }
  for (const applet of [...applets, ...moreApplets]) await symlink("busybox", join(root, "bin", applet));
  for (const folder of ["etc", "root", "tmp", "uploads"])
    await mkdir(join(root, folder), { recursive: true });
  await chmod(join(root, "tmp"), 0o1777);
  await writeFile(join(root, "etc", "passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  await writeFile(join(root, "etc", "group"), "root:x:0:\n");
}
