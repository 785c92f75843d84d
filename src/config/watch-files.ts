import { type FSWatcher, realpathSync, statSync, watch } from "node:fs";
import { dirname } from "node:path";

/** Kubernetes and editors change a file in several steps; this long after the last of them it counts as whole. */
const settleMs = 200;

/**
 * Tells when any of the files may have changed: their directories are watched, because a rename (editors) or a swapped
 * symlink (Kubernetes volumes: `..data`) replaces the file itself; so are the directories that symlinks lead to.
 * `failed` is called at most once, and nothing after it. Returns the way to stop.
 */
export function watchFiles(
  files: readonly string[],
  touched: () => void,
  failed: (error: Error) => void,
): () => void {
  const watchers = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;

  const stop = () => {
    clearTimeout(timer);
    for (const watcher of watchers.values()) watcher.close();
    watchers.clear();
  };
  const fail = (error: unknown) => {
    stop();
    failed(error instanceof Error ? error : new Error(String(error)));
  };
  const settle = () => {
    try {
      follow();
      touched();
    } catch (error) {
      fail(error);
    }
  };
  /** Watches what the files' paths lead to now; a directory that was replaced under its name is another one. */
  const follow = () => {
    const wanted = new Map(files.flatMap(directoriesOf).map((path) => [`${path}:${inode(path)}`, path]));
    for (const [key, watcher] of watchers) {
      if (wanted.has(key)) continue;
      watcher.close();
      watchers.delete(key);
    }
    for (const [key, path] of wanted) {
      if (watchers.has(key)) continue;
      const watcher = watch(path, { persistent: false }, () => {
        clearTimeout(timer);
        timer = setTimeout(settle, settleMs);
      });
      watcher.on("error", fail);
      watchers.set(key, watcher);
    }
  };

  follow();
  return stop;
}

function directoriesOf(file: string): readonly string[] {
  try {
    return [dirname(file), dirname(realpathSync(file))];
  } catch {
    return [dirname(file)];
  }
}

function inode(directory: string): string {
  const { dev, ino } = statSync(directory);
  return `${dev}:${ino}`;
}
