import { createHash } from "node:crypto";
import { copyFile, mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { ensurePackages } from "../../test/lab/build/debian-packages.ts";
import { cacheFolder } from "../../test/lab/build/go-tools.ts";
import { writeImageArchive } from "../../test/lab/kubernetes/images/oci-image.ts";
import { LabError } from "../../test/lab/lab-error.ts";
import type { Progress } from "../../test/lab/progress.ts";
import { run, runResult } from "../../test/lab/run-command.ts";

/** What the Dockerfile would install, and what Node's own binary is linked with. */
const packages = ["nftables", "iptables", "mount", "util-linux", "ca-certificates", "libstdc++6"];
const unwanted = ["doc", "man", "locale", "info", "bash-completion", "lintian", "common-licenses"];

/**
 * A base image made of Debian's packages and the Node that runs this, for machines without a registry. Kept in the cache
 * folder; its path there says what is in it.
 * @returns the path of an OCI archive. Throws LabError BUILD_FAILED with what mmdebstrap said.
 */
export async function ensureLocalBase(progress: Progress): Promise<string> {
  await ensurePackages(progress, { mmdebstrap: "mmdebstrap", tar: "tar" });
  const release = await debianRelease();
  const hash = createHash("sha256").update(
    JSON.stringify([release, packages, unwanted, process.version, process.arch]),
  );
  const archive = join(cacheFolder(), `image-base-${hash.digest("hex").slice(0, 12)}.tar`);
  if (await stat(archive).catch(() => undefined)) return archive;
  progress(`Making the image's base of Debian ${release} (once; takes a minute or two)`);
  await mkdir(cacheFolder(), { recursive: true });
  const work = await mkdtemp(`${archive}.`);
  try {
    const root = join(work, "root");
    await installDebian(release, root);
    await copyFile(process.execPath, join(root, "usr", "local", "bin", "node"));
    const unfinished = join(work, "base.tar");
    const image = { name: "localhost/headcni/base:local", root, entrypoint: [] };
    await writeImageArchive([image], join(work, "layout"), unfinished);
    await rename(unfinished, archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return archive;
}

async function installDebian(release: string, root: string): Promise<void> {
  const excluded = unwanted.map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);
  const options = ["--mode=root", "--variant=essential", `--include=${packages.join(",")}`, ...excluded];
  const result = await runResult([
    "mmdebstrap",
    ...options,
    release,
    root,
    ...(await sourcesOfThisMachine()),
  ]);
  if (result.exitCode !== 0)
    throw new LabError("BUILD_FAILED", `the image's base cannot be made:\n${result.stderr.slice(-3000)}`);
}

async function debianRelease(): Promise<string> {
  const said = await run(["sh", "-c", '. /etc/os-release; echo "$VERSION_CODENAME"']);
  return said.trim();
}

/** Where this machine itself gets its packages, if it is set up in one of the usual ways. */
async function sourcesOfThisMachine(): Promise<readonly string[]> {
  for (const file of ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"]) {
    const found = await stat(file).catch(() => undefined);
    if (found !== undefined && found.size > 0) return [file];
  }
  return [];
}
