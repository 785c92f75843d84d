import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { cleanUpGuard } from "./actors/guard-work.ts";
import { removePlugin } from "./adapters/plugin-file/plugin-file.ts";
import { somebodyAnswers } from "./adapters/unix-socket/somebody-answers.ts";
import { findWire } from "./adapters/wire/find-wire.ts";
import { wireRecordPath } from "./adapters/wire/wire-record.ts";
import type { Config } from "./config/config-schema.ts";
import { HeadcniError } from "./domain/failure.ts";
import { type NodePorts, openNodePorts } from "./node-ports.ts";
import { runtimePaths } from "./runtime-paths.ts";

class CleanUpError extends HeadcniError<{ readonly code: "DAEMON_RUNS" | "WIRE_RUNS" }> {}

const withdrawMs = 5_000;
const stopMs = 15_000;

/**
 * Takes away everything HeadCNI ever made on this node: the conflist first, so that no new pod comes; then attachments,
 * announced routes, tailscaled, the guard's work, X, and the files. Repeatable. What headcni-wire made is taken away once
 * that has ended, and what the daemon made before it, too. The node stays registered in Headscale.
 */
export async function cleanUp(config: Config): Promise<number> {
  const paths = runtimePaths(config);
  if (await somebodyAnswers(paths.cniSocket))
    throw new CleanUpError(`a daemon answers on ${paths.cniSocket}: stop it before cleaning up`, {
      code: "DAEMON_RUNS",
    });
  const wire = await findWire(wireRecordPath(config.runtimeDir)).catch(() => undefined);
  if (wire !== undefined)
    throw new CleanUpError(
      `headcni-wire (process ${wire.launcher.pid}) runs: end it before cleaning up, or it holds the tailnet namespace`,
      { code: "WIRE_RUNS" },
    );
  // Whoever made them, files and links have the same names.
  const own: Config = { ...config, tailscale: { ...config.tailscale, launcher: "daemon" } };
  const ports = await openNodePorts(own, {
    failed: (error) => console.error(`kernel: ${error.message}`),
    warned: (error) => console.error(`kernel: ${error.message}`),
    rejected: () => undefined,
    unreadable: () => undefined,
  });
  try {
    await ports.conflist.remove();
    const pods = await removeAttachments(ports);
    const { nodePodCIDR } = config.network;
    await endTailscaled(ports, nodePodCIDR.length > 0 ? nodePodCIDR : await ports.nodeMemory.recall());
    const opened = await openTailnet(ports, paths.tailnetNetns);
    await cleanUpGuard(ports, opened);
    await ports.tailnetNamespace.remove();
    await ports.proof.remove();
    await removePlugin(config.cni.binDir);
    for (const folder of [config.runtimeDir, config.stateDir]) await removeFolder(folder);
    console.log(
      `headcni: removed ${pods} attachments, the tailnet namespace, rules, routes, tables and files. ` +
        `The node stays in Headscale as "${config.tailscale.hostnamePrefix}${config.nodeName}" until it is deleted there.`,
    );
  } finally {
    await ports.close();
  }
  return 0;
}

/** A folder on which something is mounted (a container's hostPath) is emptied and stays. */
async function removeFolder(path: string): Promise<void> {
  const names = await readdir(path).catch(() => []);
  for (const name of names) await rm(join(path, name), { recursive: true, force: true });
  await rmdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EBUSY" && error.code !== "ENOENT") throw error;
  });
}

async function removeAttachments({ podNetwork }: NodePorts): Promise<number> {
  const attachments = await podNetwork.list();
  await Promise.all(
    attachments.map(
      ({ hostLink }) =>
        new Promise<void>((resolve, reject) => {
          podNetwork.detach(hostLink, resolve).catch(reject);
        }),
    ),
  );
  return attachments.length;
}

async function endTailscaled({ tailnet }: NodePorts, prefixes: readonly string[]): Promise<void> {
  const process = await tailnet.findProcess();
  if (process === undefined) return;
  // Peers forget the route at once instead of when Headscale misses the node; without control there is nobody to tell.
  await tailnet.withdrawRoutes(prefixes, AbortSignal.timeout(withdrawMs)).catch(() => undefined);
  await tailnet.stopProcess(process, AbortSignal.timeout(stopMs));
}

/** Whether X stands: a node that was never prepared has none. */
async function openTailnet({ kernel }: NodePorts, path: string): Promise<boolean> {
  return await kernel.openNamespace("tailnet", path).then(
    () => true,
    () => false,
  );
}
