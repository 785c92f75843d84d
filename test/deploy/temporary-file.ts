import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryDirectory } from "../support/temporary-directory.ts";

/** A file that goes with the test. */
export async function temporaryFile(content: string, name = "file"): Promise<string> {
  const file = join(temporaryDirectory(), name);
  await writeFile(file, content);
  return file;
}
