import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compileCache } from "../../../deploy/node-options.ts";
import { clusterOf } from "../kubernetes/cluster.ts";
import { daemonUser } from "../kubernetes/control-plane/certificates.ts";
import { writeKubeconfig } from "../kubernetes/control-plane/kubeconfig.ts";
import { onNode } from "../kubernetes/node/node-machine.ts";
import { LabError } from "../lab-error.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import { tailOf } from "../processes/log-tail.ts";
import {
  isAlive,
  type ProcessRecord,
  readProcess,
  requireAlive,
  startProcess,
} from "../processes/processes.ts";
import { runsSystemd } from "../systemd/systemd.ts";
import { waitUntil } from "../wait-until.ts";
import { daemonConfig, daemonKubeconfig } from "./daemon-config.ts";
import { readyPage } from "./daemon-pages.ts";
import { startLoopbackResolver } from "./loopback-resolver.ts";
import { asProgram } from "./wire.ts";

const pluginNames = ["loopback", "bridge", "ptp", "host-local", "portmap"];

/** Name of the record of a node's daemon. */
function daemonName(node: LabNode): string {
  return `${node.name}-daemon`;
}

/** Makes a node's folders, its CNI bin folder with HeadCNI's plugin and the reference plugins, and the daemon's config. */
export async function prepareNode(lab: Lab, node: LabNode): Promise<void> {
  for (const folder of [node.runtimeDir, node.stateDir, node.cniBinDir, node.cniConfDir]) {
    await mkdir(folder, { recursive: true });
  }
  for (const name of pluginNames) {
    await symlink(join(lab.tools.referencePlugins, name), join(node.cniBinDir, name));
  }
  // The chart brings its own.
  const { network } = lab.options.kubernetes ?? { network: "headcni" };
  if (lab.tools.plugin !== undefined && network === "headcni")
    await symlink(lab.tools.plugin, join(node.cniBinDir, "headcni"));
  if (lab.options.kubernetes !== undefined)
    await writeKubeconfig(clusterOf(lab), daemonUser, daemonKubeconfig(node));
  await writeFile(node.configFile, JSON.stringify(daemonConfig(lab, node), null, 2));
  await startLoopbackResolver(lab, node);
}

/** Starts a node's daemon. It is ready when `waitForDaemon` returns. */
export async function startDaemon(
  lab: Lab,
  node: LabNode,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { daemon } = lab;
  if (daemon === undefined)
    throw new LabError("BAD_OPTION", `lab "${lab.id}" was started without the daemon`);
  await startProcess(lab.processFolder, {
    name: daemonName(node),
    netns: node.netns,
    ...(await onNode(lab, node, asProgram(lab, node, [...daemon, "--config", node.configFile]))),
    env: { NODE_COMPILE_CACHE: join(node.runtimeDir, compileCache), ...env },
    logFile: node.logFile,
  });
}

/** The process of a node's daemon while it runs. */
export async function daemonProcess(lab: Lab, node: LabNode): Promise<ProcessRecord | undefined> {
  const record = await readProcess(lab.processFolder, daemonName(node));
  return record !== undefined && isAlive(record) ? record : undefined;
}

/**
 * Waits until the daemon serves, has proven that this node is part of the tailnet, and its conflist,
 * which comes last, is where a runtime looks for it.
 */
export async function waitForDaemon(lab: Lab, node: LabNode, timeoutMs = 60_000): Promise<void> {
  const ready = async () => {
    // A daemon that ended is started again by kubelet or systemd.
    const supervised = lab.options.kubernetes?.network === "chart" || runsSystemd(lab, node);
    if (!supervised) await requireAlive(lab.processFolder, daemonName(node));
    const page = await readyPage(node);
    return page?.serving === true && page.state === "proven" && (await hasConflist(node));
  };
  await waitUntil(ready, {
    what: `the daemon of ${node.name} is ready and proven`,
    timeoutMs,
    explain: async () =>
      `/ready says ${JSON.stringify(await readyPage(node))}; ${await tailOf(node.logFile)}`,
  });
}

async function hasConflist(node: LabNode): Promise<boolean> {
  return (await readdir(node.cniConfDir)).some((name) => name.endsWith(".conflist"));
}
