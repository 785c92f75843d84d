import { lstat, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileError, putFile, removeFile } from "../files/write-whole.ts";

/** By which the conflist's `"type": "headcni"` finds it. */
const pluginName = "headcni";

/**
 * Puts the CNI plugin into the folder where the runtime looks for plugins: written aside, then renamed, so that the
 * runtime finds the old one or the new one, whole, at any moment. False when it was there already. Throws FileError.
 */
export async function installPlugin(source: string, binDir: string): Promise<boolean> {
  const path = join(binDir, pluginName);
  try {
    const wanted = await readFile(source);
    if (await holds(path, wanted)) return false;
    await mkdir(binDir, { recursive: true });
    // Synced: a power cut must not leave an empty plugin.
    await putFile(path, wanted, { synced: true, mode: 0o755 });
    return true;
  } catch (error) {
    throw fileError("NOT_INSTALLED", path, error);
  }
}

/** Removes the plugin; a link of that name is somebody else's and stays. Throws FileError. */
export async function removePlugin(binDir: string): Promise<void> {
  const path = join(binDir, pluginName);
  const found = await lstat(path).catch(() => undefined);
  if (found?.isFile()) await removeFile(path);
}

async function holds(path: string, wanted: Buffer): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  if (!found?.isFile() || found.size !== wanted.length || (found.mode & 0o777) !== 0o755) return false;
  return wanted.equals(await readFile(path));
}
