import { createHash } from "node:crypto";
import { access, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Architecture, names, ownArchitecture } from "../../../deploy/architecture/architecture.ts";
import { LabError } from "../lab-error.ts";
import type { Progress } from "../progress.ts";
import { run, runResult } from "../run-command.ts";

/** A folder beside this file: a Go module whose go.mod pins the version and whose `tool` lines are the programs to build. */
export type GoModule = {
  readonly folder: string;
  readonly what: string;
  readonly linkerFlags: string;
  /** Another script than go-build.sh, and the name under which the cache keeps what it builds. */
  readonly script?: string;
  readonly cacheName?: string;
};

const stamp = "tailscale.com/version";
const tailscaleVersion = "1.102.3";

const modules = {
  headscale: { folder: "headscale", what: "Headscale 0.29.2", linkerFlags: "" },
  tailscale: {
    folder: "tailscale",
    what: `tailscaled, tailscale and derper ${tailscaleVersion}`,
    // Without the stamp it calls itself an unreleased version.
    linkerFlags: `-X ${stamp}.longStamp=${tailscaleVersion} -X ${stamp}.shortStamp=${tailscaleVersion}`,
  },
  plugins: {
    folder: "cni-plugins",
    what: "the reference CNI plugins 1.9.1 and cnitool 1.3.0",
    linkerFlags: "",
  },
} as const satisfies Record<string, GoModule>;

/** Folders with the built programs. */
export type GoToolFolders = Readonly<Record<keyof typeof modules, string>>;

/** Where built programs are kept, outside the work tree (XDG base directory specification). */
export function cacheFolder(): string {
  const { XDG_CACHE_HOME: home } = process.env;
  return join(home || join(homedir(), ".cache"), "headcni");
}

/** Builds the Go programs of the lab that are not in the cache yet, one module after another. */
export async function ensureGoTools(progress: Progress): Promise<GoToolFolders> {
  return {
    headscale: await ensureGoModule(modules.headscale, progress),
    tailscale: await ensureTailscale(progress),
    plugins: await ensureGoModule(modules.plugins, progress),
  };
}

/** Builds tailscaled, tailscale and derper unless the cache has them, and returns the folder they are in. */
export async function ensureTailscale(progress: Progress, architecture = ownArchitecture()): Promise<string> {
  return await ensureGoModule(modules.tailscale, progress, architecture);
}

/**
 * Builds the programs of one Go module unless the cache has them, and returns the folder they are in. Throws LabError
 * BUILD_FAILED with the compiler's messages.
 */
export async function ensureGoModule(
  module: GoModule,
  progress: Progress,
  architecture: Architecture = ownArchitecture(),
): Promise<string> {
  const source = join(import.meta.dirname, module.folder);
  const destination = join(
    cacheFolder(),
    `${module.cacheName ?? module.folder}-${await pinsHash(source, module, architecture)}`,
  );
  if (await exists(destination)) return destination;
  await requireGo();
  progress(
    `Building ${module.what} for ${architecture} from its Go module (once; takes minutes) into ${destination}`,
  );
  const counter = { downloads: 0, tail: "" };
  const start = performance.now();
  const heartbeat = setInterval(() => {
    const seconds = Math.round((performance.now() - start) / 1000);
    const downloads = counter.downloads === 0 ? "" : `, ${counter.downloads} modules downloaded`;
    progress(`  still building ${module.folder}: ${seconds} s${downloads}`);
  }, 10_000);
  const script = scriptOf(module);
  const result = await runResult(["sh", script, source, destination, module.linkerFlags], {
    env: { PATH: goPath(), GOARCH: architecture },
    onStderr: (text) => {
      counter.downloads += text.split("go: downloading ").length - 1;
    },
  }).finally(() => clearInterval(heartbeat));
  if (result.exitCode !== 0) {
    const said = result.stderr.replace(/^go: downloading .*\n/gm, "").slice(-4000);
    throw new LabError("BUILD_FAILED", `building ${module.what} failed:\n${said}`);
  }
  progress(`Built ${module.what} in ${Math.round((performance.now() - start) / 1000)} s`);
  return destination;
}

function scriptOf(module: GoModule): string {
  return join(import.meta.dirname, module.script ?? "go-build.sh");
}

async function pinsHash(source: string, module: GoModule, architecture: Architecture): Promise<string> {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(await readFile(join(source, file)));
  const build = await readFile(scriptOf(module));
  return hash
    .update(build)
    .update(module.linkerFlags)
    .update(names[architecture].node)
    .digest("hex")
    .slice(0, 12);
}

/** Go's own installer puts it in /usr/local/go, often without PATH. */
function goPath(): string {
  const { PATH = "" } = process.env;
  return `${PATH}:/usr/local/go/bin`;
}

async function requireGo(): Promise<void> {
  await run(["go", "version"], { env: { PATH: goPath() } }).catch((cause: unknown) => {
    const hint = "Go 1.26 builds the lab's programs; install it (https://go.dev/dl) and try again";
    throw new LabError("PROGRAM_MISSING", `go is not on PATH: ${hint}`, { cause });
  });
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
