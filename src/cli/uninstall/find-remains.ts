import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { FirewallProgramError } from "../../adapters/nftables/firewall-error.ts";
import { runProgram } from "../../adapters/nftables/run-program.ts";
import type { Config } from "../../config/config-schema.ts";
import { runtimePaths } from "../../config/runtime-paths.ts";
import type { KernelSnapshot } from "../../domain/kernel/kernel-state.ts";
import { unitFile } from "../install/systemd.ts";
import { askHelper } from "../program-commands.ts";
import { firewallRemains, kernelRemains, type Remain } from "./remains.ts";

/** Everything of HeadCNI that can be found on this node. Looks for itself; trusts no record. */
export async function findRemains(config: Config): Promise<readonly Remain[]> {
  const parts = await Promise.all([
    inKernel(),
    inFirewall(),
    inFiles(config),
    inMounts(config),
    inProcesses(config),
  ]);
  return parts.flat();
}

async function inKernel(): Promise<readonly Remain[]> {
  return kernelRemains(JSON.parse(await askHelper("kernel-snapshot")) as KernelSnapshot);
}

async function inFirewall(): Promise<readonly Remain[]> {
  try {
    return firewallRemains(await runProgram({ program: "nft", args: ["list", "ruleset"] }));
  } catch (error) {
    // Without nft nothing was ever loaded by it.
    if (error instanceof FirewallProgramError && error.detail.code === "PROGRAM_MISSING") return [];
    throw error;
  }
}

async function inFiles({ cni, runtimeDir, stateDir }: Config): Promise<readonly Remain[]> {
  const paths = [
    join(cni.confDir, cni.confName),
    join(cni.binDir, "headcni"),
    unitFile("headcni-guard"),
    ...(await contents(runtimeDir)),
    ...(await contents(stateDir)),
  ];
  return paths.filter((path) => existsSync(path)).map((name): Remain => ({ what: "file", name }));
}

/** A container's folder stays when it is emptied: what counts is what is in it. */
async function contents(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder).catch(() => []);
  return entries.map((entry) => join(folder, entry));
}

async function inMounts(config: Config): Promise<readonly Remain[]> {
  const { tailnetNetns } = runtimePaths(config);
  const mounts = await readFile("/proc/self/mountinfo", "utf8");
  return mounts.includes(` ${tailnetNetns} `) ? [{ what: "mount", name: tailnetNetns }] : [];
}

async function inProcesses({ runtimeDir }: Config): Promise<readonly Remain[]> {
  const socket = join(runtimeDir, "tailscaled.sock");
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid): Promise<readonly Remain[]> => {
      const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      const ours = words.some((word) => word.endsWith(socket));
      return ours ? [{ what: "process", name: `${pid} ${words[0] ?? ""}` }] : [];
    }),
  );
  return found.flat();
}
