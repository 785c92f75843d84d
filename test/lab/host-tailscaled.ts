import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Lab, LabNode } from "./lab-types.ts";
import { inNetns } from "./netns.ts";
import { startProcess } from "./processes.ts";
import { run } from "./run-command.ts";
import { waitUntil } from "./wait-until.ts";

/** The environment of every tailscaled of a lab: no uploads, plain HTTP to the relay, no port mapping, no tailscale.com. */
export const tailscaledEnvironment: Readonly<Record<string, string>> = {
  TS_NO_LOGS_NO_SUPPORT: "true",
  TS_DEBUG_USE_DERP_HTTP: "1",
  TS_DISABLE_PORTMAPPER: "1",
  TS_PANIC_IF_HIT_MAIN_CONTROL: "1",
};

/** Name of the record of a node's own tailscaled. */
function hostTailscaledName(node: LabNode): string {
  return `${node.name}-host-tailscaled`;
}

/** Starts the tailscaled a machine might run already, with its own defaults, in the node's own namespace. */
export async function startHostTailscaled(lab: Lab, node: LabNode): Promise<void> {
  const socket = node.hostTailscaledSocket;
  if (socket === undefined) return;
  const folder = dirname(socket);
  await mkdir(folder, { recursive: true });
  await startProcess(lab.processFolder, {
    name: hostTailscaledName(node),
    netns: node.netns,
    command: [lab.tools.tailscaled, `--socket=${socket}`, `--statedir=${folder}`, "--port=41641"],
    env: { ...tailscaledEnvironment, TS_LOGS_DIR: folder },
    logFile: join(folder, "tailscaled.log"),
  });
}

/** Joins the node's own tailscaled to the tailnet as `host-NAME`, another member that has nothing to do with HeadCNI. */
export async function joinHostTailscaled(lab: Lab, node: LabNode): Promise<void> {
  const socket = node.hostTailscaledSocket;
  if (socket === undefined) return;
  const cli = (...args: string[]) =>
    run(inNetns(node.netns, [lab.tools.tailscale, `--socket=${socket}`, ...args]), { timeoutMs: 60_000 });
  await waitUntil(async () => (await cli("status", "--json").catch(() => "")) !== "", {
    what: `the host's tailscaled on ${node.name} answers`,
    timeoutMs: 15_000,
  });
  const key = `--auth-key=file:${lab.headscale.hostAuthKeyFile}`;
  await cli(
    "up",
    `--login-server=${lab.headscale.url}`,
    key,
    `--hostname=host-${node.name}`,
    "--accept-dns=false",
  );
}
