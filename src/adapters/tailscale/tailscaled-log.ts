import { copyFile, stat, truncate } from "node:fs/promises";

const mostLogBytes = 4 * 1024 * 1024;

/**
 * Keeps a log that another process appends to (O_APPEND) below a few megabytes: past the bound its content moves to
 * `<file>.old`. Lines written between copy and cut are lost.
 */
export async function boundLog(file: string): Promise<void> {
  const size = await stat(file).then(
    (about) => about.size,
    () => 0,
  );
  if (size <= mostLogBytes) return;
  await copyFile(file, `${file}.old`);
  await truncate(file);
}
