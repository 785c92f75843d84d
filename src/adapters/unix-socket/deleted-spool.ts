import { type FSWatcher, mkdirSync, readdirSync, readFileSync, rmSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import type { CniFailure, CniRequest } from "../../protocol/cni-protocol.ts";
import { parseRequest } from "../../protocol/request-schema.ts";
import { isSpoolFileName, spoolDirectory, spoolFileName } from "../../protocol/runtime-files.ts";
import { errnoOf } from "./cni-exchanges-error.ts";

export interface SpoolListener {
  /** A DEL on record is to be done. `file` names it for `done` and `failed`. */
  found(file: string, request: CniRequest): void;
  /** A file that holds no DEL; it was removed. */
  rejected(file: string, failure: CniFailure): void;
}

export interface DeletedSpool {
  /** Hands out every DEL that is on record and not under way, those that failed before too. */
  scan(): void;
  /** The DEL was done: its file goes, unless a newer one took its place. */
  done(file: string): void;
  /** The DEL failed; a later scan finds it again. */
  failed(file: string): void;
  /** An ADD of this key begins: a DEL on record came before it and must not be done after it. */
  drop(containerId: string, ifname: string): void;
  close(): void;
}

/**
 * DELs that plugins put on record while no daemon listened: one file per key, complete because it
 * was renamed into place. Reading is synchronous, so that no ADD of the same key can come between reading and handing out.
 */
export function openDeletedSpool(runtimeDir: string, listener: SpoolListener): DeletedSpool {
  const directory = spoolDirectory(runtimeDir);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  /** Files under way, with the inode that was read. */
  const underWay = new Map<string, number>();
  /** Files whose DEL failed: not tried at every change of the directory, but in the next round. */
  const resting = new Set<string>();

  const take = (file: string) => {
    const path = join(directory, file);
    const inode = statSync(path).ino;
    const request = readDelete(readFileSync(path, "utf8"));
    if ("code" in request) {
      rmSync(path, { force: true });
      listener.rejected(file, request);
      return;
    }
    underWay.set(file, inode);
    listener.found(file, request);
  };
  const takeFresh = () => {
    for (const file of filesIn(directory)) {
      if (!isSpoolFileName(file) || underWay.has(file) || resting.has(file)) continue;
      try {
        take(file);
      } catch (error) {
        // ENOENT: the plugin reached the daemon after all and took its file back.
        if (errnoOf(error) !== "ENOENT") listener.rejected(file, unreadable(error));
      }
    }
  };
  const watcher = watchQuietly(directory, takeFresh);

  return {
    scan() {
      resting.clear();
      takeFresh();
    },
    done(file) {
      const path = join(directory, file);
      if (statSync(path, { throwIfNoEntry: false })?.ino === underWay.get(file))
        rmSync(path, { force: true });
      underWay.delete(file);
    },
    failed(file) {
      underWay.delete(file);
      resting.add(file);
    },
    drop(containerId, ifname) {
      rmSync(join(directory, spoolFileName(containerId, ifname)), { force: true });
    },
    close: () => watcher?.close(),
  };
}

/** Names in the directory, made anew if somebody removed it: the next plugin must find a place for its DEL. */
function filesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return [];
  }
}

/** Calls `changed` soon after the directory changed; undefined where watching is not possible (scans still happen). */
function watchQuietly(directory: string, changed: () => void): FSWatcher | undefined {
  let scheduled = false;
  try {
    const watcher = watch(directory, () => {
      if (scheduled) return;
      scheduled = true;
      setImmediate(() => {
        scheduled = false;
        changed();
      });
    });
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}

function unreadable(error: unknown): CniFailure {
  return {
    code: 5,
    msg: `the spooled DEL cannot be read: ${String(error)}`,
    details: "It is tried again later.",
  };
}

function readDelete(text: string): CniRequest | CniFailure {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return { code: 6, msg: "the spooled DEL is not JSON", details: "It was removed." };
  }
  const request = parseRequest(content);
  if (!request.ok) return request.failure;
  if (request.value.command === "DEL") return request.value;
  return {
    code: 4,
    msg: `the spool holds a ${request.value.command}`,
    details: "Only DEL is spooled; it was removed.",
  };
}
