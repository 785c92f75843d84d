import { createHash } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../../test/lab/build/go-tools.ts";
import type { Progress } from "../../test/lab/progress.ts";
import { run } from "../../test/lab/run-command.ts";
import { type Architecture, names, ownArchitecture } from "./architecture.ts";
import { exists } from "./debian-download.ts";

const repository = join(import.meta.dirname, "..", "..");

/** What npm brings of machine code: Node's program, and a node_modules with koffi and its native library. */
export type NativePackages = { readonly node: string; readonly modules: string };

/** Packages of node_modules that stay beside the bundles. */
export function nativeModules(architecture: Architecture): readonly string[] {
  return ["koffi", `@koromix/koffi-linux-${names[architecture].node}`];
}

/**
 * Of this machine's architecture: the Node that runs this, and what is installed here. Of another one: what package-lock.json pins for it,
 * in the cache folder. Throws LabError COMMAND_FAILED with npm's messages.
 */
export async function ensureNativePackages(
  architecture: Architecture,
  progress: Progress,
): Promise<NativePackages> {
  if (architecture === ownArchitecture())
    return { node: process.execPath, modules: join(repository, "node_modules") };
  const cpu = names[architecture].node;
  const lock = await readFile(join(repository, "package-lock.json"));
  const hash = createHash("sha256").update(lock).digest("hex").slice(0, 12);
  const modules = join(cacheFolder(), `npm-${architecture}-${hash}`);
  const packages = { node: join(modules, `node-linux-${cpu}`, "bin", "node"), modules };
  if (await exists(modules)) return packages;
  progress(`Fetching Node and koffi for ${architecture} from npm (once)`);
  await mkdir(cacheFolder(), { recursive: true });
  const work = await mkdtemp(`${modules}.`);
  try {
    for (const file of ["package.json", "package-lock.json"])
      await copyFile(join(repository, file), join(work, file));
    const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    await run(["npm", "ci", "--omit=dev", "--os=linux", `--cpu=${cpu}`, ...quiet], { cwd: work });
    const product = join(work, "product");
    for (const name of [...nativeModules(architecture), `node-linux-${cpu}`]) {
      await mkdir(join(product, name, ".."), { recursive: true });
      await rename(join(work, "node_modules", name), join(product, name));
    }
    await rename(product, modules);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return packages;
}
