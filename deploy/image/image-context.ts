import { chmod, copyFile, cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { buildStub } from "../../cni/build.ts";
import { ensureGoTools } from "../../test/lab/build/go-tools.ts";
import type { Progress } from "../../test/lab/progress.ts";
import { buildDaemon } from "../build.ts";
import { compileCache, nodeOptions } from "../node-options.ts";

const repository = join(import.meta.dirname, "..", "..");
/** Bundles that are programs of their own. */
const programNames = [
  "headcni",
  "headcni-wire",
  "headcnictl",
  "headcni-clean-nodes",
  "headcni-boot-unit",
  "headcni-controller",
];
/** What the bundles leave beside them: koffi's native library. */
const native = ["koffi", `@koromix/koffi-linux-${process.arch}`];

/**
 * Makes the folder that `deploy/Dockerfile` is built in: `root/` holds, at its place in the image, all that HeadCNI
 * brings. The same sources give the same files.
 */
export async function makeContext(folder: string, progress: Progress): Promise<void> {
  const tailscale = (await ensureGoTools(progress)).tailscale;
  const stub = await buildStub(progress);
  await rm(folder, { recursive: true, force: true });
  const home = join(folder, "root", "opt", "headcni");
  const programs = join(folder, "root", "usr", "local", "bin");
  await mkdir(programs, { recursive: true });
  await buildDaemon(home);
  for (const file of await readdir(home)) {
    if (file.endsWith(".map")) await rm(join(home, file));
    else if (programNames.includes(basename(file, ".mjs"))) await startProgram(programs, file);
  }
  for (const name of native) await copyPackage(name, join(home, "node_modules", name));
  await copyProgram(stub, join(home, "plugin"));
  for (const name of ["tailscaled", "tailscale"]) await copyProgram(join(tailscale, name), programs);
}

/** `headcni.mjs` is started as `headcni`. */
async function startProgram(folder: string, bundle: string): Promise<void> {
  const script = join(folder, basename(bundle, ".mjs"));
  const command = ["exec", "node", ...nodeOptions, `/opt/headcni/${bundle}`, '"$@"'].join(" ");
  const cache = bundle === "headcni.mjs" ? `NODE_COMPILE_CACHE=/run/headcni/${compileCache} ` : "";
  await writeFile(script, `#!/bin/sh\n${cache}${command}\n`);
  await chmod(script, 0o755);
}

async function copyPackage(name: string, destination: string): Promise<void> {
  await cp(join(repository, "node_modules", name), destination, {
    recursive: true,
    filter: (source) => !/\.(md|ts|h|cc|c)$/.test(source),
  });
}

async function copyProgram(program: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await copyFile(program, join(folder, basename(program)));
  await chmod(join(folder, basename(program)), 0o755);
}
