import { createHash } from "node:crypto";
import { mkdir, readFile, rename, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { run } from "../run-command.ts";
import { cacheFolder } from "./go-tools.ts";

/**
 * Compiles one C file with gcc into the cache folder, once for each content and set of flags, and returns the
 * program's path. Throws LabError COMMAND_FAILED with gcc's messages.
 */
export async function compileC(source: string, flags: readonly string[]): Promise<string> {
  const hash = createHash("sha256")
    .update(await readFile(source))
    .update(flags.join("\n"))
    .update(process.arch);
  const program = join(cacheFolder(), `${basename(source, ".c")}-${hash.digest("hex").slice(0, 12)}`);
  if (await stat(program).catch(() => undefined)) return program;
  await mkdir(cacheFolder(), { recursive: true });
  const unfinished = `${program}.${process.pid}`;
  await run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", unfinished, source, ...flags]);
  await rename(unfinished, program);
  return program;
}
