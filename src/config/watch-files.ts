import { type FSWatcher, realpathSync, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import { HeadcniError } from "../domain/failure.ts";

/** A directory that cannot be watched. */
export class WatchError extends HeadcniError<{
  readonly code: "NOT_WATCHED";
  readonly path: string;
  readonly reason: string;
}> {}

/** inotify(7) has limits of its own behind errors that usually mean open files and disks. */
const inotifyLimits: Readonly<Record<string, string>> = {
  EMFILE: "all inotify instances are in use: raise fs.inotify.max_user_instances",
  ENOSPC: "all inotify watches are in use: raise fs.inotify.max_user_watches",
};

/** What a refused watch means to the one who has to do something about it. */
export function watchError(path: string, cause: unknown): WatchError {
  const errno = (cause as NodeJS.ErrnoException).code ?? "";
  const reason = inotifyLimits[errno] ?? (cause instanceof Error ? cause.message : String(cause));
  return new WatchError(
    `${path} cannot be watched for changes: ${reason}`,
    { code: "NOT_WATCHED", path, reason },
    { cause },
  );
}

/** Kubernetes and editors change a file in several steps; a look this long after the first of them finds most of them done. */
const settleMs = 200;

/**
 * Tells when any of the files may have changed: their directories are watched, because a rename (editors) or a swapped
 * symlink (Kubernetes volumes: `..data`) replaces the file itself; so are the directories that symlinks lead to. What
 * else is written there (a log, say) is looked at, and is no change.
 * `failed` is called at most once, and nothing after it. `look` is for the one who knows that `files` gives others now.
 */
export function watchFiles(
  files: () => readonly string[],
  touched: () => void,
  failed: (error: Error) => void,
): { readonly stop: () => void; readonly look: () => void } {
  const watchers = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  let seen = fingerprints(files());
  let stopped = false;

  const stop = () => {
    stopped = true;
    clearTimeout(timer);
    for (const watcher of watchers.values()) watcher.close();
    watchers.clear();
  };
  const fail = (error: unknown) => {
    stop();
    failed(error instanceof Error ? error : new Error(String(error)));
  };
  const settle = () => {
    timer = undefined;
    try {
      follow();
      const now = fingerprints(files());
      if (now === seen) return;
      seen = now;
      touched();
    } catch (error) {
      fail(error);
    }
  };
  const look = () => {
    if (!stopped) timer ??= setTimeout(settle, settleMs);
  };
  /** Watches what the files' paths lead to now; a directory that was replaced under its name is another one. */
  const follow = () => {
    const wanted = new Map(
      files()
        .flatMap(directoriesOf)
        .map((path) => [`${path}:${inode(path)}`, path]),
    );
    for (const [key, watcher] of watchers) {
      if (wanted.has(key)) continue;
      watcher.close();
      watchers.delete(key);
    }
    for (const [key, path] of wanted) {
      if (watchers.has(key)) continue;
      const watcher = watchDirectory(path, look);
      watcher.on("error", fail);
      watchers.set(key, watcher);
    }
  };

  follow();
  return { stop, look };
}

function watchDirectory(path: string, changed: () => void): FSWatcher {
  try {
    return watch(path, { persistent: false }, changed);
  } catch (cause) {
    throw watchError(path, cause);
  }
}

function directoriesOf(file: string): readonly string[] {
  try {
    return [dirname(file), dirname(realpathSync(file))];
  } catch {
    return [dirname(file)];
  }
}

function fingerprints(files: readonly string[]): string {
  return files.map((file) => `${file}=${fingerprint(file)}`).join();
}

/** Differs whenever the file that the path leads to is another one or was written. */
function fingerprint(file: string): string {
  const about = statSync(file, { bigint: true, throwIfNoEntry: false });
  return about === undefined
    ? "absent"
    : `${about.dev}:${about.ino}:${about.size}:${about.mtimeNs}:${about.ctimeNs}`;
}

function inode(directory: string): string {
  const { dev, ino } = statSync(directory);
  return `${dev}:${ino}`;
}
