import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join, relative } from "node:path";
import { ensurePackages } from "../../test/lab/build/debian-packages.ts";
import { cacheFolder } from "../../test/lab/build/go-tools.ts";
import { LabError } from "../../test/lab/lab-error.ts";
import type { Progress } from "../../test/lab/progress.ts";
import { runResult } from "../../test/lab/run-command.ts";
import { type Architecture, ownArchitecture } from "../architecture/architecture.ts";
import { foreignCommand } from "../architecture/foreign-command.ts";
import { makeContext } from "./image-context.ts";
import { ensureLocalBase } from "./local-base.ts";
import { pruneCache } from "./prune-cache.ts";

const dockerfile = join(import.meta.dirname, "..", "Dockerfile");

export type ImageOptions = {
  /** Full name with tag that the image has in the archive. */
  readonly name: string;
  /** What `deploy/Dockerfile` takes as BASE; absent: a base made on this machine. */
  readonly base?: string | undefined;
  /** This machine's by default. */
  readonly architecture?: Architecture;
};

/** An image as an archive in OCI layout, for `ctr images import`, `skopeo copy`, `podman load`. */
export type ImageArchive = { readonly name: string; readonly archive: string; readonly bytes: number };

/**
 * Builds HeadCNI's image from `deploy/Dockerfile` unless the cache has one of the very same content, and removes what the
 * cache has too much of (`pruneCache`). Needs root: the build's commands run in a chroot. Throws LabError BUILD_FAILED with buildah's messages.
 */
export async function ensureImage(
  { name, base, architecture = ownArchitecture() }: ImageOptions,
  progress: Progress,
): Promise<ImageArchive> {
  await ensurePackages(progress, { buildah: "buildah" });
  const from = base ?? `oci-archive:${await ensureLocalBase(progress, architecture)}`;
  await mkdir(cacheFolder(), { recursive: true });
  const work = await mkdtemp(join(cacheFolder(), "image-building-"));
  try {
    const context = join(work, "context");
    await makeContext(context, progress, architecture);
    const hash = createHash("sha256").update(JSON.stringify([name, from]));
    hash.update(await readFile(dockerfile));
    await hashFolder(hash, context);
    const archive = join(cacheFolder(), `image-${hash.digest("hex").slice(0, 12)}.tar`);
    if (!(await markUsed(archive))) {
      progress(`Building the image ${name} for ${architecture} from deploy/Dockerfile`);
      await buildArchive({ name, from, context, work, archive, architecture, progress });
      progress(`Built ${name}: ${Math.round((await stat(archive)).size / 1e6)} MB`);
    }
    await pruneCache(cacheFolder(), /^image-[0-9a-f]{12}\.tar$/);
    return { name, archive, bytes: (await stat(archive)).size };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

type Build = {
  readonly name: string;
  readonly from: string;
  readonly context: string;
  readonly work: string;
  readonly archive: string;
  readonly architecture: Architecture;
  readonly progress: Progress;
};

async function buildArchive(build: Build): Promise<void> {
  const { name, from, context, work, archive, architecture } = build;
  const unfinished = join(work, "image.tar");
  const options = ["--isolation", "chroot", "--build-arg", `BASE=${from}`, "--timestamp", "0", "--quiet"];
  if (architecture !== ownArchitecture()) options.push("--arch", architecture);
  await buildah(build, ["build", ...options, "--file", dockerfile, "--tag", name, context]);
  await buildah(build, [
    "push",
    "--disable-compression",
    "--quiet",
    name,
    `oci-archive:${unfinished}:${name}`,
  ]);
  await rename(unfinished, archive);
}

/** Its storage is the build's own and goes with it; vfs works on every file system. */
async function buildah({ work, architecture, progress }: Build, args: readonly string[]): Promise<void> {
  const storage = [
    "--root",
    join(work, "storage"),
    "--runroot",
    join(work, "run"),
    "--storage-driver",
    "vfs",
  ];
  const command = await foreignCommand(architecture, ["buildah", ...storage, ...args], progress);
  const result = await runResult(command, { env: { TMPDIR: work } });
  if (result.exitCode === 0) return;
  const said = `${result.stdout}\n${result.stderr}`.trim().slice(-3000);
  throw new LabError("BUILD_FAILED", `buildah ${args[0]} failed:\n${said}`);
}

async function hashFolder(hash: ReturnType<typeof createHash>, folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) {
    hash.update(`${relative(folder, file)}\0${(await stat(file)).mode}\0`);
    hash.update(await readFile(file));
  }
}

/** Makes an archive the one used last; false if there is none. */
export async function markUsed(archive: string): Promise<boolean> {
  const now = new Date();
  return await utimes(archive, now, now).then(
    () => true,
    () => false,
  );
}
