import { cp, symlink } from "node:fs/promises";
import { join } from "node:path";
import { buildStub } from "../../../cni/build.ts";
import { buildDaemon } from "../../../deploy/build.ts";
import { nodeOptions } from "../../../deploy/node-options.ts";
import { ensureKubeadmTools } from "../kubeadm/kubeadm-tools.ts";
import { ensureClusterTools } from "../kubernetes/cluster-tools.ts";
import { LabError } from "../lab-error.ts";
import type { LabOptions, Tools } from "../lab-types.ts";
import type { Progress } from "../progress.ts";
import { compileC } from "./compile-c.ts";
import { ensurePackages } from "./debian-packages.ts";
import { ensureGoTools } from "./go-tools.ts";

const root = join(import.meta.dirname, "..", "..", "..");

/** Installs and builds what is missing and returns where everything is. The daemon comes later: `provideDaemon`. */
export async function ensureTools(
  { daemon, kubernetes, kubeadm }: Pick<LabOptions, "daemon" | "kubernetes" | "kubeadm">,
  progress: Progress,
): Promise<Tools> {
  await ensurePackages(progress);
  const go = await ensureGoTools(progress);
  return {
    headscale: join(go.headscale, "headscale"),
    derper: join(go.tailscale, "derper"),
    farStun: await compileC(join(import.meta.dirname, "..", "tailnet", "far-stun.c"), ["-static", "-s"]),
    attacker: await compileC(join(import.meta.dirname, "..", "network", "attacker.c"), ["-static", "-s"]),
    tailscale: join(go.tailscale, "tailscale"),
    tailscaled: join(go.tailscale, "tailscaled"),
    cnitool: join(go.plugins, "cnitool"),
    referencePlugins: go.plugins,
    plugin: daemon === "none" ? undefined : await buildStub(progress),
    cluster: kubernetes === undefined ? undefined : await ensureClusterTools(kubernetes, progress),
    kubeadm: kubeadm === true ? await ensureKubeadmTools(progress) : undefined,
  };
}

/**
 * The command line of the daemon for one lab: from source, or a bundle of the source as it is now in the lab's own
 * folder, so that a later build does not change a running lab. `npm test` builds one for all its labs (LAB_BUNDLE).
 */
export async function provideDaemon(
  daemon: LabOptions["daemon"],
  folder: string,
): Promise<readonly [string, ...string[]] | undefined> {
  if (daemon === "none") return undefined;
  if (daemon === "source")
    return [process.execPath, ...nodeOptions, join(root, "src", "programs", "daemon", "main.ts")];
  return [process.execPath, ...nodeOptions, join(await bundleIn(folder), "headcni.mjs")];
}

/** The bundled headcnictl, for who has no daemon of the same bundle. */
export async function provideCtl(folder: string): Promise<string> {
  return join(await bundleIn(folder), "headcnictl.mjs");
}

async function bundleIn(folder: string): Promise<string> {
  const { LAB_BUNDLE: built } = process.env;
  const home = join(folder, "daemon");
  if (built === undefined)
    await buildDaemon(home).catch((cause: unknown) => {
      throw new LabError("BUILD_FAILED", "the daemon does not build: npm run build", { cause });
    });
  else await cp(built, home, { recursive: true });
  // What is not bundled (koffi's native library) is looked up beside the bundle.
  await symlink(join(root, "node_modules"), join(home, "node_modules"));
  return home;
}
