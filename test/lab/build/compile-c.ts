import { createHash } from "node:crypto";
import { mkdir, readFile, rename, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Toolchain } from "../../../deploy/architecture/toolchain.ts";
import { run } from "../run-command.ts";
import { cacheFolder } from "./go-tools.ts";

/**
 * Compiles one C file with gcc, this machine's or a toolchain's, into the cache folder, once for each content and set of flags, and returns the
 * program's path. Throws LabError COMMAND_FAILED with gcc's messages.
 */
export async function compileC(
  source: string,
  flags: readonly string[],
  toolchain?: Toolchain,
): Promise<string> {
  const hash = createHash("sha256")
    .update(await readFile(source))
    .update(flags.join("\n"))
    .update(process.arch)
    .update(toolchain?.id ?? "");
  const program = join(cacheFolder(), `${basename(source, ".c")}-${hash.digest("hex").slice(0, 12)}`);
  if (await stat(program).catch(() => undefined)) return program;
  await mkdir(cacheFolder(), { recursive: true });
  const unfinished = `${program}.${process.pid}`;
  const { gcc = "gcc", glibc = [], env = {} } = toolchain ?? {};
  const allFlags = ["-O2", "-Wall", "-Wextra", "-Werror", ...glibc, ...flags];
  await run([gcc, ...allFlags, "-o", unfinished, source], { env });
  await rename(unfinished, program);
  return program;
}
