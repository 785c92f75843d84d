import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { readUnit, type ServiceName, type UnitChanges, unitText } from "../../adapters/systemd/unit-text.ts";
import { runChild } from "../run-child.ts";

/** What a unit is to run, and when. */
export interface Service extends UnitChanges {
  readonly name: ServiceName;
}

/** The daemon first: it is stopped before what it needs. */
const running: readonly ServiceName[] = ["headcni", "headcni-wire"];

export function unitFile(name: ServiceName): string {
  return `/etc/systemd/system/${name}.service`;
}

/** Whether this node is run by systemd (sd_booted(3)). */
export function hasSystemd(): boolean {
  return existsSync("/run/systemd/system");
}

/**
 * Writes the units of these services, enables them and starts those that run on. A daemon that runs by another unit than its new one is
 * restarted, which costs no packet; a restart of headcni-wire would, so it is named in the answer instead.
 */
export async function startUnits(
  services: readonly Service[],
  signal: AbortSignal,
): Promise<readonly ServiceName[]> {
  const replaced: ServiceName[] = [];
  for (const { name, ...changes } of services) {
    const text = unitText(await readUnit(name), changes);
    const before = await readFile(unitFile(name), "utf8").catch(() => text);
    if (before !== text) replaced.push(name);
    await writeFile(unitFile(name), text);
  }
  // By its old unit: that of an earlier release keeps the tailscaled that the daemon ran, until headcni-wire has its own.
  if (replaced.includes("headcni")) await systemctl(["stop", "headcni.service"], signal);
  await systemctl(["daemon-reload"], signal);
  for (const { name } of services)
    await systemctl(["enable", ...(running.includes(name) ? ["--now"] : []), `${name}.service`], signal);
  return replaced.filter((name) => name === "headcni-wire");
}

/**
 * Removes the units that are there and stops the daemon; without systemd, or without units, there is nothing to do. headcni-wire runs
 * on, for cleanup needs its tailscaled and ends it: without its unit systemd does not start it again. What loads the rules at boot stays until
 * nothing needs them (`removeBootUnit`).
 */
export async function removeUnits(signal: AbortSignal): Promise<void> {
  await remove(running, signal);
}

/** Removes the unit that loads the rules at boot, once cleanup has taken back what makes them necessary. */
export async function removeBootUnit(signal: AbortSignal): Promise<void> {
  await remove(["headcni-guard"], signal);
}

async function remove(names: readonly ServiceName[], signal: AbortSignal): Promise<void> {
  const present = names.filter((name) => existsSync(unitFile(name)));
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
