import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { runChild } from "../run-child.ts";
import { readUnit, type ServiceName, unitText } from "./unit-text.ts";

/** What a unit is to run. */
export interface Service {
  readonly name: ServiceName;
  readonly command: readonly string[];
}

/** The daemon first: it is stopped before what it needs. */
const serviceNames: readonly ServiceName[] = ["headcni", "headcni-wire"];

export function unitFile(name: ServiceName): string {
  return `/etc/systemd/system/${name}.service`;
}

/** Whether this node is run by systemd (sd_booted(3)). */
export function hasSystemd(): boolean {
  return existsSync("/run/systemd/system");
}

/**
 * Writes the units of these services, enables and starts them. A daemon that runs by another unit than its new one is
 * restarted, which costs no packet; a restart of headcni-wire would, so it is named in the answer instead.
 */
export async function startUnits(
  services: readonly Service[],
  signal: AbortSignal,
): Promise<readonly ServiceName[]> {
  const replaced: ServiceName[] = [];
  for (const { name, command } of services) {
    const text = unitText(await readUnit(name), command);
    const before = await readFile(unitFile(name), "utf8").catch(() => text);
    if (before !== text) replaced.push(name);
    await writeFile(unitFile(name), text);
  }
  // By its old unit: that of an earlier release keeps the tailscaled that the daemon ran, until headcni-wire has its own.
  if (replaced.includes("headcni")) await systemctl(["stop", "headcni.service"], signal);
  await systemctl(["daemon-reload"], signal);
  await systemctl(["enable", "--now", ...services.map(({ name }) => `${name}.service`)], signal);
  return replaced.filter((name) => name === "headcni-wire");
}

/**
 * Removes the units that are there and stops the daemon; without systemd, or without units, there is nothing to do. headcni-wire runs
 * on, for cleanup needs its tailscaled and ends it: without its unit systemd does not start it again.
 */
export async function removeUnits(signal: AbortSignal): Promise<void> {
  const present = serviceNames.filter((name) => existsSync(unitFile(name)));
  if (!hasSystemd() || present.length === 0) return;
  for (const name of present) {
    await systemctl(["disable", ...(name === "headcni" ? ["--now"] : []), `${name}.service`], signal);
    await rm(unitFile(name), { force: true });
  }
  await systemctl(["daemon-reload"], signal);
}

async function systemctl(args: readonly string[], signal: AbortSignal): Promise<void> {
  await runChild(["systemctl", ...args], signal);
}
