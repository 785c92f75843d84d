import { readFile } from "node:fs/promises";

/** The last lines of a log file, for error messages; says so if there are none. */
export async function tailOf(file: string, lines = 15): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  const last = text.trimEnd().split("\n").slice(-lines).join("\n");
  return last === "" ? `${file} is empty` : `the last lines of ${file}:\n${last}`;
}
