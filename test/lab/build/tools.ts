import { join } from "node:path";
import { LabError } from "../lab-error.ts";
import type { LabOptions, Tools } from "../lab-types.ts";
import type { Progress } from "../progress.ts";
import { run } from "../run-command.ts";
import { ensurePackages } from "./debian-packages.ts";
import { ensureGoTools } from "./go-tools.ts";

const root = join(import.meta.dirname, "..", "..", "..");

/** Installs and builds what is missing and returns where everything is. */
export async function ensureTools(daemon: LabOptions["daemon"], progress: Progress): Promise<Tools> {
  await ensurePackages(progress);
  const go = await ensureGoTools(progress);
  return {
    headscale: join(go.headscale, "headscale"),
    derper: join(go.tailscale, "derper"),
    tailscale: join(go.tailscale, "tailscale"),
    tailscaled: join(go.tailscale, "tailscaled"),
    cnitool: join(go.plugins, "cnitool"),
    referencePlugins: go.plugins,
    plugin: daemon === "none" ? undefined : await buildPlugin(progress),
    daemon: daemon === "none" ? undefined : [process.execPath, ...(await daemonProgram(daemon, progress))],
  };
}

/** Builds the CNI plugin (cni/build.ts prints its path last). */
async function buildPlugin(progress: Progress): Promise<string> {
  const lines = await runBuild("cni/build.ts", progress);
  const path = lines.at(-1);
  if (path === undefined || path === "") throw new LabError("BUILD_FAILED", "cni/build.ts printed no path");
  return path;
}

async function daemonProgram(daemon: "bundle" | "source", progress: Progress): Promise<readonly string[]> {
  if (daemon === "source") return [join(root, "src", "main.ts")];
  await runBuild("src/build.ts", progress);
  return [join(root, "dist", "headcni.mjs")];
}

async function runBuild(file: string, progress: Progress): Promise<readonly string[]> {
  const onStderr = (text: string) => {
    for (const line of text.trimEnd().split("\n")) progress(`  ${line}`);
  };
  const stdout = await run([process.execPath, join(root, file)], { cwd: root, onStderr });
  return stdout.trimEnd().split("\n");
}
