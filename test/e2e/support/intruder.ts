import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { startProcess } from "../../lab/processes/processes.ts";
import { run } from "../../lab/run-command.ts";
import { tailscaledEnvironment } from "../../lab/tailnet/host-tailscaled.ts";
import { waitUntil } from "../../lab/wait-until.ts";

/** Runs a tailscaled with a node's tag, in the namespace of node `at`, that announces `prefix` until `leave` is called. */
export async function intruder(
  lab: Lab,
  at: LabNode,
  name: string,
  prefix: string,
): Promise<{ readonly leave: () => Promise<unknown> }> {
  const folder = join(lab.folder, name);
  const socket = join(folder, "tailscaled.sock");
  await mkdir(folder, { recursive: true });
  await startProcess(lab.processFolder, {
    name,
    netns: at.netns,
    command: [
      lab.tools.tailscaled,
      `--socket=${socket}`,
      `--statedir=${folder}`,
      "--port=41699",
      "--tun=userspace-networking",
    ],
    env: { ...tailscaledEnvironment, TS_LOGS_DIR: folder },
    logFile: join(folder, "log"),
  });
  const cli = (...args: string[]) =>
    run(inNetns(at.netns, [lab.tools.tailscale, `--socket=${socket}`, ...args]));
  await waitUntil(
    () =>
      cli("status", "--json").then(
        () => true,
        () => false,
      ),
    { what: name, timeoutMs: 60_000 },
  );
  await cli(
    "up",
    `--login-server=${lab.headscale.url}`,
    `--auth-key=file:${lab.headscale.authKeyFile}`,
    `--hostname=${name}`,
    `--advertise-routes=${prefix}`,
  );
  return { leave: () => cli("logout") };
}
