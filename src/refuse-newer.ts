import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { HeadcniError } from "./domain/failure.ts";
import type { KernelLink } from "./domain/kernel-state.ts";
import { explainNewer, newerAliases, newerFiles } from "./domain/newer-format.ts";

class NewerFormatError extends HeadcniError<{ readonly code: "NEWER_FORMAT" }> {}

/**
 * Before anything is changed: what a later release left in a format of its own is not ours to judge. Taken for half made it would be
 * removed, and with it the network of running pods. Throws NewerFormatError, which names what was found and the ways out.
 */
export async function refuseNewer(stateDir: string, links: readonly KernelLink[]): Promise<void> {
  const found = [...newerAliases(links), ...newerFiles(await jsonFiles(stateDir))];
  if (found.length > 0) throw new NewerFormatError(explainNewer(found), { code: "NEWER_FORMAT" });
}

async function jsonFiles(folder: string) {
  const names = await readdir(folder).catch((): string[] => []);
  const paths = names.filter((name) => name.endsWith(".json")).map((name) => join(folder, name));
  return await Promise.all(
    // What cannot be read has no version: whoever needs the file says what is wrong with it.
    paths.map(async (path) => ({ path, text: await readFile(path, "utf8").catch(() => "") })),
  );
}
