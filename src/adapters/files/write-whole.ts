import { open, rename, rm } from "node:fs/promises";
import { HeadcniError } from "../../domain/failure.ts";

/** A file that was not written, with the errno's name (`ENOSPC`): Node's own message of a failed write names no path. */
export class FileError extends HeadcniError<{
  readonly code: "NOT_WRITTEN";
  readonly path: string;
  readonly reason: string;
}> {}

/**
 * Puts a text where a reader finds the old file or the new one, whatever happens, mode 0600; with `synced` also after a power
 * cut. Throws FileError NOT_WRITTEN and leaves nothing half made.
 */
export async function writeWhole(
  path: string,
  text: string,
  { synced }: { readonly synced: boolean },
): Promise<void> {
  const fresh = `${path}.new`;
  try {
    const file = await open(fresh, "w", 0o600);
    try {
      await file.writeFile(text);
      if (synced) await file.datasync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (cause) {
    await rm(fresh, { force: true }).catch(() => undefined);
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new FileError(
      `${path} was not written: ${reason}`,
      { code: "NOT_WRITTEN", path, reason },
      { cause },
    );
  }
}
