import { chmod, copyFile, cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { buildStub } from "../../cni/build.ts";
import { ensureTailscale } from "../../test/lab/build/go-tools.ts";
import type { Progress } from "../../test/lab/progress.ts";
import { type Architecture, names, ownArchitecture } from "../architecture/architecture.ts";
import { ensureNativePackages, nativeModules } from "../architecture/native-packages.ts";
import { buildDaemon } from "../build.ts";
import { compileCache, nodeOptions } from "../node-options.ts";

/** Bundles that are programs of their own. */
const programNames = ["headcni", "headcni-wire", "headcnictl", "headcni-clean-nodes", "headcni-boot-unit"];

/**
 * Makes the folder that `deploy/Dockerfile` is built in: `root/` holds, at its place in the image, all that HeadCNI
 * brings. The same sources give the same files.
 */
export async function makeContext(
  folder: string,
  progress: Progress,
  architecture = ownArchitecture(),
): Promise<void> {
  const tailscale = await ensureTailscale(progress, architecture);
  const stub = await buildStub(progress, architecture);
  const { modules } = await ensureNativePackages(architecture, progress);
  await rm(folder, { recursive: true, force: true });
  const home = join(folder, "root", "opt", "headcni");
  const programs = join(folder, "root", "usr", "local", "bin");
  await mkdir(programs, { recursive: true });
  await buildDaemon(home);
  for (const file of await readdir(home)) {
    if (file.endsWith(".map")) await rm(join(home, file));
    else if (programNames.includes(basename(file, ".mjs"))) await startProgram(programs, file, architecture);
  }
  for (const name of nativeModules(architecture))
    await copyPackage(join(modules, name), join(home, "node_modules", name));
  await copyProgram(stub, join(home, "plugin"));
  for (const name of ["tailscaled", "tailscale"]) await copyProgram(join(tailscale, name), programs);
}

/** `headcni.mjs` is started as `headcni`. */
async function startProgram(folder: string, bundle: string, architecture: Architecture): Promise<void> {
  const script = join(folder, basename(bundle, ".mjs"));
  const command = ["exec", "node", ...nodeOptions, `/opt/headcni/${bundle}`, '"$@"'].join(" ");
  const cache = bundle === "headcni.mjs" ? `NODE_COMPILE_CACHE=/run/headcni/${compileCache} ` : "";
  await writeFile(script, `#!/bin/sh\n${architectureCheck(architecture)}${cache}${command}\n`);
  await chmod(script, 0o755);
}

/** Files that were copied to a machine of another architecture say so, before Node or koffi fail without naming it. */
export function architectureCheck(architecture: Architecture): string {
  const { machine } = names[architecture];
  return `[ "$(uname -m)" = ${machine} ] || {
  echo "\${0##*/}: these files are for ${architecture} (${machine}), this machine is $(uname -m): install those for its architecture" >&2
  exit 1
}
`;
}

async function copyPackage(source: string, destination: string): Promise<void> {
  await cp(source, destination, {
    recursive: true,
    filter: (file) => !/\.(md|ts|h|cc|c)$/.test(file),
  });
}

async function copyProgram(program: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await copyFile(program, join(folder, basename(program)));
  await chmod(join(folder, basename(program)), 0o755);
}
