import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runningWire } from "../../lab/headcni/wire.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { type ProcessIdentity, startProcess } from "../../lab/processes/processes.ts";
import { run } from "../../lab/run-command.ts";
import { killService, stopService } from "../../lab/services.ts";
import { tailscaledEnvironment } from "../../lab/tailnet/host-tailscaled.ts";

/** The end of the script by which the daemon of an earlier release became tailscaled: it kept a lock, and left its pid and start time. */
const script = `
exec 9>"$1" && flock 9 && rm -f "$2" &&
echo "$$ $(cut -d ' ' -f 22 /proc/$$/stat)" >"$3" && shift 3 && exec "$@"
`;

/**
 * Leaves a node as the daemon of an earlier release did, which ran tailscaled itself: nothing of HeadCNI runs but that tailscaled, in
 * a namespace that is mounted at tailnet.netns. Resolves to the process.
 */
export async function leaveOldTailscaled(lab: Lab, node: LabNode): Promise<ProcessIdentity> {
  const { runtimeDir, stateDir, tailscaledSocket } = node;
  const netns = join(runtimeDir, "tailnet.netns");
  const wire = await runningWire(node);
  await writeFile(netns, "");
  await run(["mount", "--bind", `/proc/${wire?.launcher.pid}/ns/net`, netns]);
  await stopService(lab, { name: "daemon", node: node.name });
  await killService(lab, { name: "wire", node: node.name });
  for (const file of ["wire.json", "tailscaled.attended"]) await rm(join(runtimeDir, file), { force: true });
  await writeFile(join(runtimeDir, "tailnet-resolv.conf"), "nameserver 10.99.0.1\n");
  const files = [join(runtimeDir, "tailscaled.lock"), tailscaledSocket, join(runtimeDir, "tailscaled.pid")];
  const state = join(stateDir, "tailscale");
  const tailscaled = [
    lab.tools.tailscaled,
    `--statedir=${state}`,
    `--socket=${tailscaledSocket}`,
    "--tun=tailscale0",
    "--port=41642",
    "--no-logs-no-support",
  ];
  return await startProcess(lab.processFolder, {
    name: `${node.name}-tailscaled`,
    netns: node.netns,
    command: ["nsenter", `--net=${netns}`, "--", "sh", "-c", script, "headcni", ...files, ...tailscaled],
    env: {
      ...tailscaledEnvironment,
      TS_LOGS_DIR: state,
      TS_DEBUG_PRETENDPOINT: `${node.address}:41642`,
    },
    logFile: join(runtimeDir, "tailscaled.log"),
  });
}
