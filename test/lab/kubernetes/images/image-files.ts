import { chmod, copyFile, mkdir, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run } from "../../run-command.ts";

/** Puts a program of this machine into an image's root, with the libraries that it looks for there. */
export async function installWithLibraries(program: string, root: string, place: string): Promise<void> {
  await installFile(program, join(root, place));
  for (const library of await librariesOf(program)) await installFile(library, join(root, library));
}

/** The dynamic libraries of a program and the loader, by the paths it looks for (ldd(1)); none for a static program. */
async function librariesOf(program: string): Promise<readonly string[]> {
  const listed = await run(["ldd", program]).catch(() => "");
  return [...listed.matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path);
}

/** Puts a copy of a file, as one that may be run, where it is to be. */
export async function installFile(file: string, destination: string): Promise<void> {
  await mkdir(dirname(destination), { recursive: true });
  await copyFile(await realpath(file), destination);
  await chmod(destination, 0o755);
}
