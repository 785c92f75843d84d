import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { onNode } from "../kubernetes/node/node-machine.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import { inNetns } from "../network/netns.ts";
import { childOf, isAlive, type ProcessIdentity, readProcess, startProcess } from "../processes/processes.ts";
import { run } from "../run-command.ts";
import { waitUntil } from "../wait-until.ts";
import { tailscaledStatus } from "./local-api.ts";

/** The environment of every tailscaled of a lab: no uploads, plain HTTP to the relay, no port mapping, no tailscale.com. */
export const tailscaledEnvironment: Readonly<Record<string, string>> = {
  TS_NO_LOGS_NO_SUPPORT: "true",
  TS_DEBUG_USE_DERP_HTTP: "1",
  TS_DISABLE_PORTMAPPER: "1",
  TS_PANIC_IF_HIT_MAIN_CONTROL: "1",
};

/** What that of a node needs besides, where the lab has it talk through DERP only. */
export function relayEnvironment(lab: Lab, node: LabNode): Readonly<Record<string, string>> {
  return lab.options.relayOnly.includes(node.name) ? { TS_DEBUG_ALWAYS_USE_DERP: "1" } : {};
}

/** Name of the record of what runs the tailscaled of a node's owner (`tailscaled-unit.sh`). */
function unitName(node: LabNode): string {
  return `${node.name}-host-tailscaled`;
}

/** Where that tailscaled keeps its login, and its log; it outlives a reboot. */
function ownersFolder(node: LabNode): string {
  return join(node.folder, "host");
}

/** The log of the tailscaled of a node's owner. */
export function hostTailscaledLog(node: LabNode): string {
  return join(ownersFolder(node), "tailscaled.log");
}

/** Has the owner of a node run the tailscaled of the node, with its own defaults, and log it in; nothing where he has none. */
export async function runHostTailscaled(lab: Lab, node: LabNode): Promise<void> {
  await startHostTailscaled(lab, node);
  await joinHostTailscaled(lab, node);
}

/** Another tailscaled than the lab's, and what its owner adds to its environment. */
export interface OwnersTailscaled {
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts the tailscaled of a node's owner, as the unit of its package does, in the node's own namespace. */
export async function startHostTailscaled(
  lab: Lab,
  node: LabNode,
  { program = lab.tools.tailscaled, env = {} }: OwnersTailscaled = {},
): Promise<void> {
  const socket = node.hostTailscaledSocket;
  if (socket === undefined) return;
  const folder = ownersFolder(node);
  for (const path of [folder, dirname(socket)]) await mkdir(path, { recursive: true });
  const tailscaled = [program, `--socket=${socket}`, `--statedir=${folder}`, "--port=41641"];
  const unit = join(import.meta.dirname, "tailscaled-unit.sh");
  await startProcess(lab.processFolder, {
    name: unitName(node),
    netns: node.netns,
    ...(await onNode(lab, node, ["sh", unit, ...tailscaled])),
    env: { ...tailscaledEnvironment, ...relayEnvironment(lab, node), TS_LOGS_DIR: folder, ...env },
    logFile: hostTailscaledLog(node),
  });
}

/** The tailscaled of a node's owner while it runs. */
export async function hostTailscaledProcess(lab: Lab, node: LabNode): Promise<ProcessIdentity | undefined> {
  const unit = await readProcess(lab.processFolder, unitName(node));
  const child = unit !== undefined && isAlive(unit) ? childOf(unit.pid) : undefined;
  // Between two of them the unit has others: `tailscaled --cleanup`, and its wait.
  return child !== undefined && wordsOf(child.pid).includes(`--socket=${node.hostTailscaledSocket}`)
    ? child
    : undefined;
}

function wordsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/**
 * Waits until the tailscaled of a node's owner is in the tailnet; one that never was is logged in by the owner. In mode host it is the
 * node, with the nodes' tag; else `host-NAME`, a member that has nothing to do with HeadCNI.
 */
export async function joinHostTailscaled(lab: Lab, node: LabNode): Promise<void> {
  const socket = node.hostTailscaledSocket;
  if (socket === undefined) return;
  const settled = async () => {
    const state = (await tailscaledStatus(socket).catch(() => undefined))?.BackendState;
    return state === "NeedsLogin" || state === "Running" ? state : undefined;
  };
  const state = await waitUntil(settled, {
    what: `the tailscaled of ${node.name}'s owner answers`,
    timeoutMs: 60_000,
  });
  if (state === "Running") return;
  const { authKeyFile, hostAuthKeyFile, url } = lab.headscale;
  const as =
    node.mode === "host"
      ? [`--auth-key=file:${authKeyFile}`, `--hostname=${node.name}`]
      : [`--auth-key=file:${hostAuthKeyFile}`, `--hostname=host-${node.name}`];
  await tailscaleCli(lab, node, ["up", `--login-server=${url}`, ...as, "--accept-dns=false"]);
}

/** Runs `tailscale` on a node as its owner does, and returns what it printed. */
async function tailscaleCli(lab: Lab, node: LabNode, words: readonly string[]): Promise<string> {
  const command = [lab.tools.tailscale, `--socket=${node.hostTailscaledSocket}`, ...words] as const;
  return await run(inNetns(node.netns, [...command]), { timeoutMs: 60_000 });
}
