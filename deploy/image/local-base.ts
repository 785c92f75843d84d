import { createHash } from "node:crypto";
import { copyFile, mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { ensurePackages } from "../../test/lab/build/debian-packages.ts";
import { cacheFolder } from "../../test/lab/build/go-tools.ts";
import { writeImageArchive } from "../../test/lab/kubernetes/images/oci-image.ts";
import { LabError } from "../../test/lab/lab-error.ts";
import type { Progress } from "../../test/lab/progress.ts";
import { runResult } from "../../test/lab/run-command.ts";
import { type Architecture, names, ownArchitecture } from "../architecture/architecture.ts";
import { foreignCommand } from "../architecture/foreign-command.ts";
import { ensureNativePackages } from "../architecture/native-packages.ts";
import { debianRelease } from "../architecture/toolchain.ts";

/** What the Dockerfile would install, and what Node's own binary is linked with. */
const packages = ["nftables", "iptables", "mount", "util-linux", "ca-certificates", "libstdc++6"];
/** What Debian's scripts write as the date of today; a base made on another day is the same. */
const date = { SOURCE_DATE_EPOCH: "0" };
const unwanted = ["doc", "man", "locale", "info", "bash-completion", "lintian", "common-licenses"];

/**
 * A base image made of Debian's packages and the Node that runs this (of another architecture: its like), for machines without a registry. Kept in the cache
 * folder; its path there says what is in it.
 * @returns the path of an OCI archive. Throws LabError BUILD_FAILED with what mmdebstrap said.
 */
export async function ensureLocalBase(progress: Progress, architecture = ownArchitecture()): Promise<string> {
  await ensurePackages(progress, { mmdebstrap: "mmdebstrap", tar: "tar" });
  const release = await debianRelease();
  const hash = createHash("sha256").update(
    JSON.stringify([release, packages, unwanted, date, process.version, names[architecture].node]),
  );
  const archive = join(cacheFolder(), `image-base-${hash.digest("hex").slice(0, 12)}.tar`);
  if (await stat(archive).catch(() => undefined)) return archive;
  progress(`Making the image's base of Debian ${release} for ${architecture} (once; takes minutes)`);
  await mkdir(cacheFolder(), { recursive: true });
  const work = await mkdtemp(`${archive}.`);
  try {
    const root = join(work, "root");
    await installDebian(release, root, architecture, progress);
    const { node } = await ensureNativePackages(architecture, progress);
    await copyFile(node, join(root, "usr", "local", "bin", "node"));
    const unfinished = join(work, "base.tar");
    const image = { name: "localhost/headcni/base:local", root, entrypoint: [], architecture };
    await writeImageArchive([image], join(work, "layout"), unfinished);
    await rename(unfinished, archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return archive;
}

async function installDebian(
  release: string,
  root: string,
  architecture: Architecture,
  progress: Progress,
): Promise<void> {
  const excluded = unwanted.map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);
  const options = ["--mode=root", "--variant=essential", `--include=${packages.join(",")}`, ...excluded];
  // It asks for a format that is registered for the whole machine.
  if (architecture !== ownArchitecture())
    options.push(`--architectures=${architecture}`, "--skip=check/qemu");
  const command = ["mmdebstrap", ...options, release, root, ...(await sourcesOfThisMachine())] as const;
  const result = await runResult(await foreignCommand(architecture, command, progress), { env: date });
  if (result.exitCode !== 0)
    throw new LabError("BUILD_FAILED", `the image's base cannot be made:\n${result.stderr.slice(-3000)}`);
}

/** Where this machine itself gets its packages, if it is set up in one of the usual ways. */
async function sourcesOfThisMachine(): Promise<readonly string[]> {
  for (const file of ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"]) {
    const found = await stat(file).catch(() => undefined);
    if (found !== undefined && found.size > 0) return [file];
  }
  return [];
}
