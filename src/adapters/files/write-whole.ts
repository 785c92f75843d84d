import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { HeadcniError } from "../../domain/failure.ts";

/** What was not done to a file, with the errno's name (`ENOSPC`): Node's own message of a failed write names no path. */
export class FileError extends HeadcniError<{
  readonly code: keyof typeof verbs | "NOT_PRIVATE";
  readonly path: string;
  readonly reason: string;
}> {}

const verbs = { NOT_WRITTEN: "written", NOT_REMOVED: "removed", NOT_INSTALLED: "installed" } as const;

export function fileError(code: keyof typeof verbs, path: string, cause: unknown): FileError {
  const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new FileError(`${path} was not ${verbs[code]}: ${reason}`, { code, path, reason }, { cause });
}

export interface WriteOptions {
  /** Whether it survives a power cut, and its name too. */
  readonly synced: boolean;
  readonly mode?: number;
  /** Heard until the file gets its name. */
  readonly signal?: AbortSignal | undefined;
}

/** Puts a file where a reader finds the old one or the new one, whatever happens. Throws FileError NOT_WRITTEN. */
export async function writeWhole(path: string, content: string, options: WriteOptions): Promise<void> {
  await putFile(path, content, options).catch((cause: unknown) => {
    throw fileError("NOT_WRITTEN", path, cause);
  });
}

/**
 * A text that everybody may read, synced, in a folder that is made where it is missing; false, and nothing is written, when the file
 * holds it already. Throws FileError NOT_WRITTEN.
 */
export async function replaceFile(path: string, content: string, signal?: AbortSignal): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true });
    if ((await readFile(path, "utf8").catch(() => undefined)) === content) return false;
    await putFile(path, content, { synced: true, mode: 0o644, signal });
    return true;
  } catch (cause) {
    throw fileError("NOT_WRITTEN", path, cause);
  }
}

/** Absent is fine. Throws FileError NOT_REMOVED. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true }).catch((cause: unknown) => {
    throw fileError("NOT_REMOVED", path, cause);
  });
}

/**
 * Writes aside, then renames; leaves nothing half made. The name aside starts with a dot and ends in no suffix that a container
 * runtime reads (libcni ConfFiles: .conf, .conflist, .json). Throws the error of the step that failed.
 */
export async function putFile(
  path: string,
  content: string | Buffer,
  { synced, mode = 0o600, signal }: WriteOptions,
): Promise<void> {
  const aside = join(dirname(path), `.${basename(path)}.new`);
  try {
    await using file = await open(aside, "w", mode);
    // Whatever the umask says.
    await file.chmod(mode);
    await file.writeFile(content);
    if (synced) await file.sync();
    signal?.throwIfAborted();
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true }).catch(() => undefined);
    throw error;
  }
  if (!synced) return;
  await using directory = await open(dirname(path), "r");
  await directory.sync();
}
