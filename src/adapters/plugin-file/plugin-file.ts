import { lstat, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { HeadcniError } from "../../domain/failure.ts";

class PluginFileError extends HeadcniError<{
  readonly code: "NOT_INSTALLED" | "NOT_REMOVED";
  readonly path: string;
  /** Errno name. */
  readonly reason: string;
}> {}

/** By which the conflist's `"type": "headcni"` finds it. */
const pluginName = "headcni";

/**
 * Puts the CNI plugin into the folder where the runtime looks for plugins: written aside, then renamed, so that the
 * runtime finds the old one or the new one, whole, at any moment. False when it was there already. Throws PluginFileError.
 */
export async function installPlugin(source: string, binDir: string): Promise<boolean> {
  const path = join(binDir, pluginName);
  try {
    const wanted = await readFile(source);
    if (await holds(path, wanted)) return false;
    await mkdir(binDir, { recursive: true });
    await writeAside(`${path}.new`, wanted);
    await rename(`${path}.new`, path);
    return true;
  } catch (error) {
    await rm(`${path}.new`, { force: true }).catch(() => undefined);
    throw failure("NOT_INSTALLED", path, error);
  }
}

/** Removes the plugin; a link of that name is somebody else's and stays. Throws PluginFileError. */
export async function removePlugin(binDir: string): Promise<void> {
  const path = join(binDir, pluginName);
  try {
    const found = await lstat(path).catch(() => undefined);
    if (found?.isFile()) await rm(path, { force: true });
  } catch (error) {
    throw failure("NOT_REMOVED", path, error);
  }
}

async function holds(path: string, wanted: Buffer): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  if (!found?.isFile() || found.size !== wanted.length || (found.mode & 0o777) !== 0o755) return false;
  return wanted.equals(await readFile(path));
}

/** On the disk before it gets its name: a power cut must not leave an empty plugin. */
async function writeAside(path: string, content: Buffer): Promise<void> {
  const file = await open(path, "w", 0o755);
  try {
    await file.chmod(0o755);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

function failure(code: PluginFileError["detail"]["code"], path: string, error: unknown): PluginFileError {
  const reason = (error as NodeJS.ErrnoException).code ?? String(error);
  const verb = code === "NOT_INSTALLED" ? "installed" : "removed";
  return new PluginFileError(`${path} was not ${verb}: ${reason}`, { code, path, reason }, { cause: error });
}
