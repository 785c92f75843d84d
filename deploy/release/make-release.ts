import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { ensureHelm } from "../../test/lab/build/helm-tool.ts";
import { LabError } from "../../test/lab/lab-error.ts";
import type { Progress } from "../../test/lab/progress.ts";
import { run } from "../../test/lab/run-command.ts";
import { type Architecture, architectures } from "../architecture/architecture.ts";
import { exists } from "../architecture/debian-download.ts";
import { ensureNativePackages } from "../architecture/native-packages.ts";
import { ensureImageIndex } from "../image/ensure-index.ts";
import { makeContext } from "../image/image-context.ts";
import { packReproducibly } from "../image/image-index.ts";
import { renderManifests } from "../manifests/render.ts";
import { checkRelease, checkRepository, readCheckout } from "./check-release.ts";
import { writePinnedChart } from "./pinned-chart.ts";
import { readComponents } from "./read-components.ts";
import { softwareBill } from "./software-bill.ts";

const root = join(import.meta.dirname, "..", "..");
const compress = promisify(gzip);

export type ReleaseOptions = {
  readonly version: string;
  /** Where the image will be pulled from, without tag. */
  readonly repository: string;
  /** A folder that does not exist yet. */
  readonly folder: string;
};

/**
 * Makes all files of a release in a folder, which appears only when complete. The same commit and the same packages of Debian give the
 * same files. Throws LabError BAD_OPTION for what cannot be released, and the errors of the builds.
 */
export async function makeRelease(
  { version, repository, folder }: ReleaseOptions,
  progress: Progress,
): Promise<void> {
  checkRepository(repository);
  const there = new LabError("BAD_OPTION", `${folder} is there already: remove it or give another --out`);
  if (await exists(folder)) throw there;
  const section = checkRelease(version, await readCheckout(root));
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(`${folder}.`);
  try {
    const files = join(work, "files");
    await mkdir(files);
    const name = `${repository}:${version}`;
    const index = await ensureImageIndex({ name, architectures }, progress);
    await copyFile(index.archive, join(files, `headcni-image-${version}.tar`));
    const image = { repository, digest: index.digest };
    progress("Packing the chart and rendering the manifests");
    await writePinnedChart(join(work, "charts", "headcni"), image);
    const packed = join(files, `headcni-chart-${version}.tgz`);
    await packCompressed(join(work, "charts"), packed, "headcni");
    const helm = await ensureHelm(progress);
    await run([
      helm,
      "lint",
      "--quiet",
      packed,
      "--set",
      "headscale.url=https://a.example,headscale.existingSecret=a,network.podCIDR=10.0.0.0/8",
    ]);
    for (const [file, text] of Object.entries(await renderManifests(helm, {}, packed)))
      await writeFile(join(files, file), text);
    for (const architecture of architectures)
      await packNodeFiles(
        architecture,
        work,
        join(files, `headcni-${version}-linux-${architecture}.tar.gz`),
        progress,
      );
    await writeHeadcnictl(join(work, architectures[0] ?? ""), join(files, "headcnictl.mjs"));
    await writeFile(join(files, "CHANGES.md"), section);
    progress("Listing the packages");
    const components = await readComponents(root, architectures, progress);
    const [commit = "", createdAt = ""] = (await git("log", "-1", "--format=%H %ct")).trim().split(" ");
    const created = new Date(Number(createdAt) * 1000).toISOString().replace(/\.\d+Z/, "Z");
    const facts = { version, commit, createdAt: created, imageDigest: index.digest };
    await writeFile(join(files, `headcni-${version}.spdx.json`), softwareBill(facts, components));
    await writeFile(join(files, "SHA256SUMS"), await checksums(files));
    await rename(files, folder).catch((cause: unknown) => {
      there.cause = cause;
      throw there;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What a node without a DaemonSet needs, at its place below /, Node included. */
async function packNodeFiles(
  architecture: Architecture,
  work: string,
  archive: string,
  progress: Progress,
): Promise<void> {
  progress(`Packing the files of a node for ${architecture}`);
  const context = join(work, architecture);
  await makeContext(context, progress, architecture);
  const { node } = await ensureNativePackages(architecture, progress);
  const place = join(context, "root", "usr", "local", "bin", "node");
  await copyFile(node, place);
  await chmod(place, 0o755);
  await packCompressed(join(context, "root"), archive);
}

/** The bundle without its map: it is one file, and where it may be executed it finds Node itself. */
async function writeHeadcnictl(context: string, file: string): Promise<void> {
  const bundle = await readFile(join(context, "root", "opt", "headcni", "headcnictl.mjs"), "utf8");
  await writeFile(file, `#!/usr/bin/env node\n${bundle.replace(/^\/\/# sourceMappingURL=.*\n?/m, "")}`);
  await chmod(file, 0o755);
}

async function packCompressed(folder: string, archive: string, member = "."): Promise<void> {
  const plain = `${archive}.tar`;
  await packReproducibly(folder, plain, member);
  await writeFile(archive, await compress(await readFile(plain)));
  await rm(plain);
}

/** As `sha256sum --check` reads them. */
async function checksums(folder: string): Promise<string> {
  const lines = (await readdir(folder)).sort().map(async (name) => {
    const hash = createHash("sha256").update(await readFile(join(folder, name)));
    return `${hash.digest("hex")}  ${name}\n`;
  });
  return (await Promise.all(lines)).join("");
}

async function git(...args: readonly string[]): Promise<string> {
  return await run(["git", "-C", root, ...args]);
}
