import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { KernelState } from "../../../ports/kernel-state.ts";
import { callPlugin } from "./call-plugin.ts";
import { startHelperProgram } from "./helper-program.ts";
import type { JsonLinesClient } from "./json-lines.ts";

export interface TestPodOptions {
  readonly runtimeDir: string;
  readonly plugin: string;
  readonly networkName: string;
  readonly socketPath: string;
  readonly kernel: KernelState;
  /** Command line of the process that works inside the pod. */
  readonly worker: readonly string[];
}

/** A pod of its own: a network namespace that our plugin attached, with a process in it. */
export interface TestPod {
  readonly addresses: readonly string[];
  readonly worker: JsonLinesClient;
  /** Ends the process, detaches, removes the namespace. */
  close(): Promise<void>;
}

/** Also the container id: `connect-test-PID-RANDOM`, so that a later test finds what a killed one left. */
const namePattern = /^connect-test-(\d+)-[0-9a-f]+$/;

/** Attaches a pod for a test. Throws ConnectTestError; nothing is left then. */
export async function openTestPod(options: TestPodOptions): Promise<TestPod> {
  const { kernel, runtimeDir, worker } = options;
  await removeLeftovers(options);
  const name = `connect-test-${process.pid}-${randomBytes(4).toString("hex")}`;
  const netns = join(runtimeDir, name);
  await kernel.createNamespace(netns);
  try {
    const addresses = await callPlugin(pluginCall(options, "ADD", name));
    const helper = startHelperProgram(["nsenter", `--net=${netns}`, "--", ...worker]);
    return {
      addresses,
      worker: helper.client,
      close: async () => {
        await helper.end();
        await detach(options, name);
      },
    };
  } catch (error) {
    await detach(options, name).catch(() => undefined);
    throw error;
  }
}

function pluginCall(
  { plugin, networkName, socketPath, runtimeDir }: TestPodOptions,
  command: "ADD" | "DEL",
  name: string,
) {
  return { command, plugin, networkName, socketPath, containerId: name, netns: join(runtimeDir, name) };
}

/** With the daemon away the plugin keeps the DEL for later and succeeds. */
async function detach(options: TestPodOptions, name: string): Promise<void> {
  try {
    await callPlugin(pluginCall(options, "DEL", name));
  } finally {
    await options.kernel.removeNamespace(join(options.runtimeDir, name));
  }
}

async function removeLeftovers(options: TestPodOptions): Promise<void> {
  const names = await readdir(options.runtimeDir).catch((): string[] => []);
  for (const name of names) {
    const pid = namePattern.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await detach(options, name).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
