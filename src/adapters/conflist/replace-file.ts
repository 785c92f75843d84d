import { open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Replaces the file's content in one step that survives a power cut (write aside, fsync, rename, fsync of the
 * directory); false when it had this content already. The name aside starts with a dot and ends in no suffix that a
 * runtime reads (libcni ConfFiles: .conf, .conflist, .json). Throws the errno error of the step that failed.
 */
export async function replaceFile(path: string, content: string, signal?: AbortSignal): Promise<boolean> {
  const existing = await readFile(path, "utf8").catch(() => undefined);
  if (existing === content) return false;
  const aside = join(dirname(path), `.${basename(path)}.new`);
  try {
    await writeSynced(aside, content);
    signal?.throwIfAborted();
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(path));
  return true;
}

async function writeSynced(path: string, content: string): Promise<void> {
  const file = await open(path, "w", 0o644);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
