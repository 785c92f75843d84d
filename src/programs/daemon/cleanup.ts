import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { createActor, toPromise } from "xstate";
import { cleanupMachine } from "../../../machines/cleanup/cleanup-machine.ts";
import { cleanupActors } from "../../actors/cleanup-actors.ts";
import { removePlugin } from "../../adapters/cni-files/plugin-file.ts";
import { somebodyAnswers } from "../../adapters/unix-socket/somebody-answers.ts";
import type { Config } from "../../config/config-schema.ts";
import { runtimePaths } from "../../config/runtime-paths.ts";
import { endWords, leftLines } from "../../domain/cleanup-report.ts";
import { HeadcniError } from "../../domain/failure.ts";
import { createLogger } from "../../observe/logs/logger.ts";
import { createMachineObserver } from "../../observe/machines/machine-observer.ts";
import { visible } from "../../protocol/visible-text.ts";
import { openNodePorts } from "./node-ports.ts";

class CleanUpError extends HeadcniError<{ readonly code: "DAEMON_RUNS" }> {}

/**
 * Takes HeadCNI off this node, or only withdraws its routes, and says on stdout what it does, on stderr what is left. Repeatable.
 * Gives the process's exit code: 1 if something is left. The node stays registered in Headscale.
 */
export async function cleanUp(config: Config, onlyWithdraws: boolean): Promise<number> {
  const { network, cni, kubernetes, runtimeDir, stateDir, tailscale, nodeName, logging } = config;
  const { cniSocket } = runtimePaths(config);
  if (await somebodyAnswers(cniSocket))
    throw new CleanUpError(`a daemon answers on ${cniSocket}: stop it before cleaning up`, {
      code: "DAEMON_RUNS",
    });
  const { log } = createLogger({
    level: logging.level,
    base: { node: nodeName },
    destination: process.stderr,
  });
  const warned = (error: Error) => log.warn({ err: error }, "non-fatal kernel or tailscaled error");
  const ports = await openNodePorts(config, {
    failed: warned,
    warned,
    rejected: () => undefined,
    unreadable: () => undefined,
  });
  const directories = [runtimeDir, stateDir];
  try {
    // Whatever the mode is by now: what the owner's tailscaled has of ours is taken back before its record goes.
    const owners = tailscale.mode === "host" || (await ports.owner.holdsOurs());
    const actors = cleanupActors(ports, {
      prefixes: network.nodePodCIDR,
      supernets: network.podCIDR,
      // Without a kubeconfig this is a pod of the chart, which has no token: there headcni-clean-nodes does it.
      restoresNode: kubernetes.publishNodeAddress && kubernetes.kubeconfig !== undefined,
      owners,
      directories,
      removePlugin: () => removePlugin(cni.binDir),
      removeDirectory,
    });
    const { inspect } = createMachineObserver({ log });
    const root = createActor(cleanupMachine.provide({ actors }), {
      id: "cleanup",
      input: { onlyWithdraws, owners },
      inspect,
    });
    let told = 0;
    root.subscribe(({ context: { report } }) => {
      for (const { text, failure } of report.slice(told))
        console.log(visible(`headcni: ${failure === undefined ? "" : "FAILED: "}${text}`));
      told = report.length;
    });
    const { left } = await toPromise(root.start());
    for (const line of leftLines(left, directories)) console.error(visible(`headcni: ${line}`));
    const stays = owners
      ? "The node's tailscaled and its login stay as its owner has them."
      : `The node and its approved routes stay in Headscale as "${tailscale.hostnamePrefix}${nodeName}" until it is deleted there.`;
    console.log(`headcni: ${left.length === 0 ? endWords(onlyWithdraws, owners) : "incomplete"}. ${stays}`);
    return left.length === 0 ? 0 : 1;
  } finally {
    await ports.close();
  }
}

/** A directory on which something is mounted (a container's hostPath) is emptied and stays. */
async function removeDirectory(path: string): Promise<void> {
  const names = await readdir(path).catch(() => []);
  for (const name of names) await rm(join(path, name), { recursive: true, force: true });
  await rmdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EBUSY" && error.code !== "ENOENT") throw error;
  });
}
