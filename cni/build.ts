import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { execa } from "execa";
import { type Architecture, ownArchitecture } from "../deploy/architecture/architecture.ts";
import { exists } from "../deploy/architecture/debian-download.ts";
import { provideToolchain } from "../deploy/architecture/toolchain.ts";
import { moveInto, provideQuickJs } from "./build-quickjs.ts";

const here = import.meta.dirname;
const nativeFiles = ["main.c", "heap.c", "system.c", "unix-socket.c", "heap.h", "system.h"];
/** `-no-pie`: the snapshot holds addresses. */
const compilerFlags = ["-O2", "-static", "-no-pie", "-s", "-Wall"];

/**
 * The stub as one static ELF: TypeScript -> one script (esbuild) -> bytecode (qjsc) -> gcc -> a first run that loads
 * the script and prints its heap -> the same ELF with that heap in it (objcopy). Kept in
 * `${XDG_CACHE_HOME:-~/.cache}/headcni/stub-<hash of all that goes in>/headcni` and built only when it is not there.
 * For another architecture than this machine's a cross-compiler makes it, and qemu runs what the build runs of it.
 * @returns its absolute path. Rejects with the failing command's output.
 */
export async function buildStub(
  progress: (line: string) => void = toStderr,
  architecture: Architecture = ownArchitecture(),
): Promise<string> {
  const { XDG_CACHE_HOME: cacheHome } = process.env;
  const cacheDir = join(cacheHome || join(homedir(), ".cache"), "headcni");
  const toolchain = await provideToolchain(architecture, cacheDir, progress);
  const { gcc, objcopy, env, emulator } = toolchain;
  const quickJs = await provideQuickJs(cacheDir, toolchain, progress);
  const script = await bundleScript();
  const native = await Promise.all(nativeFiles.map((file) => readFile(join(here, file), "utf8")));
  const hash = createHash("sha256");
  for (const part of [quickJs.id, ...compilerFlags, script, ...native]) hash.update(part).update("\0");
  const home = join(cacheDir, `stub-${hash.digest("hex").slice(0, 16)}`);
  const stub = join(home, "headcni");
  if (await exists(stub)) return stub;

  progress("compiling the CNI plugin");
  await mkdir(cacheDir, { recursive: true });
  const work = await mkdtemp(join(cacheDir, "stub.building-"));
  try {
    const scriptFile = join(work, "headcni.js");
    const bytecodeFile = join(work, "script.c");
    const unloaded = join(work, "unloaded");
    const snapshot = join(work, "heap.bin");
    const product = join(work, "product");
    await mkdir(product);
    await writeFile(scriptFile, script);
    const qjscArguments = ["-c", "-s", "-N", "headcni_script", "-o", bytecodeFile, scriptFile];
    const [qjsc = "", ...qjscRest] = [...emulator, quickJs.qjsc, ...qjscArguments];
    await execa(qjsc, qjscRest);
    const sources = nativeFiles.filter((file) => file.endsWith(".c")).map((file) => join(here, file));
    const inputs = [...sources, bytecodeFile, quickJs.library, "-lm"];
    const flags = [...compilerFlags, `-specs=${quickJs.specs}`, `-I${quickJs.include}`, `-I${here}`];
    await execa(gcc, [...flags, "-o", unloaded, ...inputs], { env });
    const [first = "", ...rest] = [...emulator, unloaded];
    await execa(first, rest, { stdout: { file: snapshot } });
    await execa(objcopy, ["--update-section", `.heap=${snapshot}`, unloaded, join(product, "headcni")], {
      env,
    });
    await moveInto(product, home);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return stub;
}

async function bundleScript(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(here, "headcni.ts")],
    bundle: true,
    // A script, not a module: the context has neither promises nor a module loader.
    format: "iife",
    platform: "neutral",
    target: "es2023",
    minify: true,
    write: false,
  });
  const [script] = outputFiles;
  if (script === undefined) throw new Error("esbuild gave no output");
  return script.text;
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}

if (import.meta.main) {
  try {
    process.stdout.write(`${await buildStub()}\n`);
  } catch (error) {
    toStderr(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
