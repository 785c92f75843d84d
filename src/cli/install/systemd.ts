import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { runChild } from "../run-child.ts";

const unitName = "headcni.service";
export const unitFile = `/etc/systemd/system/${unitName}`;

/** Whether this node is run by systemd (sd_booted(3)). */
export function hasSystemd(): boolean {
  return existsSync("/run/systemd/system");
}

/** The unit of a daemon on a node without Kubernetes. tailscaled outlives the daemon, so only the daemon itself is stopped. */
export function unitText(command: readonly string[]): string {
  return `[Unit]
Description=HeadCNI, a pod network over a tailnet
Wants=network-online.target
After=network-online.target
Before=kubelet.service

[Service]
ExecStart=${command.map(unitWord).join(" ")}
KillMode=process
Restart=always
RestartSec=1
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`;
}

/** Quoted as systemd.syntax(7) wants it; % begins a specifier, $ a variable. */
function unitWord(word: string): string {
  const escaped = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /[\s"'\\]/.test(escaped) ? `"${escaped.replace(/["\\]/g, "\\$&")}"` : escaped;
}

export async function startUnit(text: string, signal: AbortSignal): Promise<void> {
  await writeFile(unitFile, text);
  await systemctl(["daemon-reload"], signal);
  await systemctl(["enable", "--now", unitName], signal);
}

/** Stops and removes the unit; without systemd, or without the unit, there is nothing to do. */
export async function stopUnit(signal: AbortSignal): Promise<void> {
  if (!hasSystemd() || !existsSync(unitFile)) return;
  await systemctl(["disable", "--now", unitName], signal);
  await rm(unitFile, { force: true });
  await systemctl(["daemon-reload"], signal);
}

async function systemctl(args: readonly string[], signal: AbortSignal): Promise<void> {
  await runChild(["systemctl", ...args], signal);
}
