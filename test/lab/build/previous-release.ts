import { mkdir, mkdtemp, readFile, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LabError } from "../lab-error.ts";
import type { Progress } from "../progress.ts";
import { run, runResult } from "../run-command.ts";
import { cacheFolder } from "./go-tools.ts";

/** Of this repository: the release from which an operator upgrades to this one, and to which `helm rollback` goes back. */
const commit = "166e19e95a7d5a7ee191aa887f65978068d79980";
const repository = join(import.meta.dirname, "..", "..", "..");
const git = ["git", "-C", repository] as const;
const sourceFolder = () => join(cacheFolder(), `release-${commit.slice(0, 12)}`);

/** A release as an operator has it. */
export interface Release {
  /** Folder of its chart. */
  readonly chart: string;
  readonly image: { readonly name: string; readonly archive: string };
}

/**
 * The release before this one, out of its own source by its own build. Throws LabError BUILD_FAILED where this clone does not have
 * its commit, with what to do.
 */
export async function ensurePreviousRelease(progress: Progress): Promise<Release> {
  const source = await ensureSource(progress);
  const name = "localhost/headcni/headcni:previous";
  // Its source never changes: where the image is stands beside it.
  const note = join(source, "image-archive");
  const now = new Date();
  const built = await readFile(note, "utf8").catch(() => "");
  const inUse = await utimes(built, now, now).then(
    () => true,
    () => false,
  );
  if (!inUse) {
    progress("Building the image of the release before this one");
    const image = await run([process.execPath, join(source, "deploy", "image.ts"), "--name", name]);
    await writeFile(note, image.trim());
  }
  const archive = await readFile(note, "utf8");
  const chart = join(source, "deploy", "chart", "headcni");
  return { chart, image: { name, archive } };
}

/** Why it cannot be built: this clone does not have its commit. Undefined where it can. */
export async function previousReleaseMissing(): Promise<string | undefined> {
  if (await stat(sourceFolder()).catch(() => undefined)) return undefined;
  const known = await runResult([...git, "cat-file", "-e", `${commit}^{commit}`]);
  if (known.exitCode === 0) return undefined;
  return (
    `the release before this one is built from commit ${commit}, which this clone does not have (a shallow one?): ` +
    `git fetch --unshallow, or clone without --depth. git said: ${known.stderr.trim()}`
  );
}

/** Its files with the packages that they need, kept in the cache folder. */
async function ensureSource(progress: Progress): Promise<string> {
  const folder = sourceFolder();
  if (!(await stat(folder).catch(() => undefined))) {
    const missing = await previousReleaseMissing();
    if (missing !== undefined) throw new LabError("BUILD_FAILED", missing);
    progress("Taking the source of the release before this one");
    await mkdir(cacheFolder(), { recursive: true });
    const work = await mkdtemp(`${folder}.`);
    const archive = join(work, "source.tar");
    await run([...git, "archive", `--output=${archive}`, commit]);
    await run(["tar", "--extract", `--file=${archive}`, `--directory=${work}`]);
    await rm(archive);
    await rename(work, folder);
  }
  await providePackages(folder);
  return folder;
}

/** Those of this clone where it asks for the same. */
async function providePackages(folder: string): Promise<void> {
  const lockOf = (where: string) => readFile(join(where, "package-lock.json"), "utf8");
  const packages = join(folder, "node_modules");
  if ((await lockOf(folder)) === (await lockOf(repository))) {
    // Of this clone: the one before may be gone.
    await rm(packages, { recursive: true, force: true });
    await symlink(join(repository, "node_modules"), packages);
  } else if (!(await stat(packages).catch(() => undefined)))
    await run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
}
