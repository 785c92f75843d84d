import { copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab, LabNode } from "../lab-types.ts";
import { relayEnvironment, tailscaledEnvironment } from "../tailnet/host-tailscaled.ts";

/** That of tailscaled's package (cmd/tailscaled/tailscaled.service of tailscale.com 1.102.3), which has it in /usr/sbin. */
const unit = `[Unit]
Description=Tailscale node agent
Wants=network-pre.target
After=network-pre.target

[Service]
EnvironmentFile=/etc/default/tailscaled
ExecStart=/usr/local/bin/tailscaled --state=/var/lib/tailscale/tailscaled.state --socket=/run/tailscale/tailscaled.sock --port=\${PORT} $FLAGS
ExecStopPost=/usr/local/bin/tailscaled --cleanup
Restart=on-failure
RuntimeDirectory=tailscale
RuntimeDirectoryMode=0755
StateDirectory=tailscale
StateDirectoryMode=0700
CacheDirectory=tailscale
CacheDirectoryMode=0750
Type=notify

[Install]
WantedBy=multi-user.target
`;

/** Puts on a node's disk what its owner has who installed tailscaled: the program, `tailscale`, and the unit, enabled. */
export async function placeOwnersTailscaled(lab: Lab, node: LabNode, disk: string): Promise<void> {
  const { tailscale, tailscaled } = lab.tools;
  const programs = join(disk, "usr-local", "bin");
  await copyFile(tailscale, join(programs, "tailscale"));
  await copyFile(tailscaled, join(programs, "tailscaled"));
  const environment = { PORT: "41641", FLAGS: "", ...tailscaledEnvironment, ...relayEnvironment(lab, node) };
  const lines = Object.entries(environment).map(([name, value]) => `${name}="${value}"\n`);
  await mkdir(join(disk, "etc", "default"), { recursive: true });
  await writeFile(join(disk, "etc", "default", "tailscaled"), lines.join(""));
  const units = join(disk, "etc", "systemd", "system");
  await writeFile(join(units, "tailscaled.service"), unit);
  const wants = join(units, "multi-user.target.wants");
  await mkdir(wants, { recursive: true });
  await symlink("../tailscaled.service", join(wants, "tailscaled.service"));
}
