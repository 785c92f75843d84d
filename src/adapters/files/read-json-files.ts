import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * The JSON files of a folder as they are, not parsed; none where there is no folder. What cannot be read has an empty text: whoever
 * needs the file says what is wrong with it.
 */
export async function readJsonFiles(
  folder: string,
): Promise<readonly { readonly path: string; readonly text: string }[]> {
  const names = await readdir(folder).catch((): string[] => []);
  const paths = names.filter((name) => name.endsWith(".json")).map((name) => join(folder, name));
  return await Promise.all(
    paths.map(async (path) => ({ path, text: await readFile(path, "utf8").catch(() => "") })),
  );
}
