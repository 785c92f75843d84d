import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

const kept = 3;
const inUseMs = 3_600_000;

/**
 * Removes files or folders with names of one kind from a cache folder: all but the three that were used last, and none that was used
 * within the hour, since a build or a lab beside this one may still read it. Their time of change is when they were used.
 */
export async function pruneCache(folder: string, name: RegExp, now = Date.now()): Promise<void> {
  const names = (await readdir(folder)).filter((found) => name.test(found));
  const entries = await Promise.all(
    names.map(async (found) => {
      const path = join(folder, found);
      // Another build may be removing it, too.
      const stats = await stat(path).catch(() => undefined);
      return { path, usedAt: stats?.mtimeMs ?? 0 };
    }),
  );
  const byLastUse = entries.sort((one, other) => other.usedAt - one.usedAt);
  const old = byLastUse.slice(kept).filter(({ usedAt }) => now - usedAt > inUseMs);
  await Promise.all(old.map(({ path }) => rm(path, { recursive: true, force: true })));
}
