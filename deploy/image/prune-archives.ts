import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

const kept = 3;
const inUseMs = 3_600_000;
const archiveName = /^image-[0-9a-f]{12}\.tar$/;

/**
 * Removes archives of HeadCNI's image from a cache folder: all but the three that were used last, and none that was used
 * within the hour, since a build or a lab beside this one may still read it. A file's time of change is when it was used.
 */
export async function pruneArchives(folder: string, now = Date.now()): Promise<void> {
  const names = (await readdir(folder)).filter((name) => archiveName.test(name));
  const archives = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      // Another build may be removing it, too.
      const found = await stat(path).catch(() => undefined);
      return { path, usedAt: found?.mtimeMs ?? 0 };
    }),
  );
  const byLastUse = archives.sort((one, other) => other.usedAt - one.usedAt);
  const old = byLastUse.slice(kept).filter(({ usedAt }) => now - usedAt > inUseMs);
  await Promise.all(old.map(({ path }) => rm(path, { force: true })));
}
