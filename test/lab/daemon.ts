import { mkdir, symlink, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { daemonConfig } from "./daemon-config.ts";
import { onNode } from "./kubernetes/node-machine.ts";
import { LabError } from "./lab-error.ts";
import type { Lab, LabNode } from "./lab-types.ts";
import { tailOf } from "./log-tail.ts";
import { isAlive, type ProcessRecord, readProcess, requireAlive, startProcess } from "./processes.ts";
import { waitUntil } from "./wait-until.ts";

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
  if (lab.tools.plugin !== undefined) await symlink(lab.tools.plugin, join(node.cniBinDir, "headcni"));
  await writeFile(node.configFile, JSON.stringify(daemonConfig(lab, node), null, 2));
}

/** Starts a node's daemon. It is ready when `waitForDaemon` returns. */
export async function startDaemon(lab: Lab, node: LabNode): Promise<void> {
  const { daemon } = lab;
  if (daemon === undefined)
    throw new LabError("BAD_OPTION", `lab "${lab.id}" was started without the daemon`);
  await startProcess(lab.processFolder, {
    name: daemonName(node),
    netns: node.netns,
    ...(await onNode(lab, node, [...daemon, "--config", node.configFile])),
    env: {},
    logFile: node.logFile,
  });
}

/** The process of a node's daemon while it runs. */
export async function daemonProcess(lab: Lab, node: LabNode): Promise<ProcessRecord | undefined> {
  const record = await readProcess(lab.processFolder, daemonName(node));
  return record !== undefined && isAlive(record) ? record : undefined;
}

/** Waits until the daemon serves and has proven that this node is part of the tailnet (DESIGN section 1.8). */
export async function waitForDaemon(lab: Lab, node: LabNode, timeoutMs = 60_000): Promise<void> {
  const last = { answer: "no answer yet" };
  const ready = async () => {
    await requireAlive(lab.processFolder, daemonName(node));
    const answer = await daemonGet(node, "/ready").catch(() => undefined);
    if (answer === undefined) return false;
    last.answer = `${answer.status} ${answer.body}`;
    return answer.status === 200 && isProven(answer.body);
  };
  await waitUntil(ready, {
    what: `the daemon of ${node.name} is ready and proven`,
    timeoutMs,
    explain: async () => `last answer of /ready: ${last.answer}\n${await tailOf(node.logFile)}`,
  });
}

/** GET of the daemon's HTTP server through its unix socket: `/healthz`, `/ready`, `/metrics`, `/debug/machines`. */
export function daemonGet(
  node: LabNode,
  path: string,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const query = request({ socketPath: node.httpSocket, path, timeout: 5000 }, (response) => {
      const chunks: string[] = [];
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: chunks.join("") }));
      response.on("error", reject);
    });
    query.on("timeout", () =>
      query.destroy(new LabError("NOT_READY", `${path} of ${node.name}: no answer in 5 s`)),
    );
    query.on("error", reject);
    query.end();
  });
}

/** `/ready` answers JSON with `state`, or the plain word. */
function isProven(body: string): boolean {
  return /\bproven\b/.test(body);
}
