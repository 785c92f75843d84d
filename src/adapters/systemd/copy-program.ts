import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, lstat, mkdir, readdir, readFile, readlink, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** Folders of an image that programs and their libraries stand in. */
const programFolders = ["bin", "etc", "lib", "lib64", "opt", "sbin", "usr"];
/** What only headcni-wire, npm and people use. */
const unneeded = [
  "usr/local/bin/tailscale",
  "usr/local/bin/tailscaled",
  "usr/local/include",
  "usr/local/lib/node_modules",
  "usr/share",
];
/** What systemd mounts over, and the daemon's programs expect to be there. */
const mountPoints = ["dev", "proc", "run", "sys", "tmp"];
/** Ends the name of a copy that is not whole. */
export const unfinishedSuffix = ".new";
/** Its files are judged by what is in them, all others by size and time of change. */
const own = "opt/headcni/";

export interface CopyOptions {
  /** Root of this image. */
  readonly source: string;
  /** The folder that holds copies, one for each content. */
  readonly folder: string;
  /** A folder of the node that the copy is to see. */
  readonly visible: string;
  /** Paths below `source` on which something else is mounted. */
  readonly mounted: ReadonlySet<string>;
}

/** A copy of the image's programs that runs without the image, whole and on disk once it has its name; its path. */
export async function copyProgram({ source, folder, visible, mounted }: CopyOptions): Promise<string> {
  const files = await filesOf(source, mounted);
  const copy = join(folder, await fingerprint(source, files));
  if (!(await exists(copy))) {
    const unfinished = `${copy}${unfinishedSuffix}`;
    await rm(unfinished, { recursive: true, force: true });
    for (const path of [...mountPoints, visible])
      await mkdir(join(unfinished, path), { recursive: true, mode: 0o755 });
    const kept = new Set(files);
    for (const top of programFolders)
      if (kept.has(top))
        await cp(join(source, top), join(unfinished, top), {
          recursive: true,
          verbatimSymlinks: true,
          filter: (path) => kept.has(path.slice(source.length).replace(/^\//, "")),
        });
    // As long as the disk takes.
    await promisify(execFile)("sync", ["--file-system", unfinished]);
    await rename(unfinished, copy);
  }
  return copy;
}

/** Removes all copies but one. */
export async function removeOthers(folder: string, copy: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => []))
    if (join(folder, name) !== copy) await rm(join(folder, name), { recursive: true, force: true });
}

/** Folders, files and links below `source`, by their paths there, parents first. */
async function filesOf(source: string, mounted: ReadonlySet<string>): Promise<readonly string[]> {
  const found: string[] = [];
  const walk = async (path: string): Promise<void> => {
    if (unneeded.includes(path) || mounted.has(`/${path}`)) return;
    const about = await lstat(join(source, path)).catch(() => undefined);
    if (about === undefined || !(about.isDirectory() || about.isFile() || about.isSymbolicLink())) return;
    found.push(path);
    if (!about.isDirectory()) return;
    for (const name of (await readdir(join(source, path))).sort()) await walk(join(path, name));
  };
  for (const top of programFolders) await walk(top);
  return found;
}

async function fingerprint(source: string, files: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const path of files) {
    const about = await lstat(join(source, path));
    hash.update(`${path}\0${about.mode}\0`);
    if (about.isSymbolicLink()) hash.update(await readlink(join(source, path)));
    if (!about.isFile()) continue;
    hash.update(`${about.size}\0${about.mtimeMs}\0`);
    if (path.startsWith(own)) hash.update(await readFile(join(source, path)));
  }
  return hash.digest("hex").slice(0, 12);
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
