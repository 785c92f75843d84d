import { readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { daemonProcess, startDaemon } from "./daemon.ts";
import { startDerp } from "./derp.ts";
import { startHeadscale, waitForHeadscale } from "./headscale.ts";
import { hostTailscaledName, startHostTailscaled } from "./host-tailscaled.ts";
import { LabError } from "./lab-error.ts";
import { nodeOf } from "./lab-store.ts";
import type { Lab, LabNode } from "./lab-types.ts";
import {
  endProcess,
  identify,
  isAlive,
  type ProcessIdentity,
  readProcess,
  signalProcess,
} from "./processes.ts";

/** The programs of a lab that faults can hit; the last three exist once per node. */
export const serviceNames = ["headscale", "derp", "daemon", "tailscaled", "host-tailscaled"] as const;

/** A program of a lab, or of one of its nodes. `tailscaled` is the one HeadCNI's daemon runs. */
export type Service =
  | { readonly name: "headscale" | "derp" }
  | { readonly name: "daemon" | "tailscaled" | "host-tailscaled"; readonly node: string };

/** The process of a service while it runs. */
export async function serviceProcess(lab: Lab, service: Service): Promise<ProcessIdentity | undefined> {
  if (service.name === "tailscaled") return tailscaledProcess(lab, nodeOf(lab, service.node));
  if (service.name === "daemon") return await daemonProcess(lab, nodeOf(lab, service.node));
  const record = await readProcess(lab.processFolder, recordName(lab, service));
  return record !== undefined && isAlive(record) ? record : undefined;
}

/** Ends a service as its supervisor would (SIGTERM, later SIGKILL) and waits for its end. One that does not run is no error. */
export async function stopService(lab: Lab, service: Service): Promise<void> {
  const found = await serviceProcess(lab, service);
  if (found !== undefined) await endProcess(found, 20_000);
}

/** Ends a service with SIGKILL and waits for its end. One that does not run is no error. */
export async function killService(lab: Lab, service: Service): Promise<void> {
  const found = await serviceProcess(lab, service);
  if (found !== undefined) await endProcess(found, 0);
}

/** Stops a service where it stands (SIGSTOP): it holds its sockets and answers nothing. `resumeService` undoes it. */
export async function pauseService(lab: Lab, service: Service): Promise<void> {
  const found = await serviceProcess(lab, service);
  if (found !== undefined) signalProcess(found, "SIGSTOP");
}

/** Lets a paused service go on. */
export async function resumeService(lab: Lab, service: Service): Promise<void> {
  const found = await serviceProcess(lab, service);
  if (found !== undefined) signalProcess(found, "SIGCONT");
}

/** Starts a service that does not run; one that runs is left alone. Headscale answers when this returns, a daemon may not yet. */
export async function startService(lab: Lab, service: Service): Promise<void> {
  if ((await serviceProcess(lab, service)) !== undefined) return;
  switch (service.name) {
    case "headscale":
      await startHeadscale(lab);
      return await waitForHeadscale(lab);
    case "derp":
      return await startDerp(lab);
    case "daemon":
      return await startDaemon(lab, nodeOf(lab, service.node));
    case "host-tailscaled":
      return await startHostTailscaled(lab, nodeOf(lab, service.node));
    case "tailscaled":
      throw new LabError(
        "BAD_OPTION",
        "HeadCNI's tailscaled is started by the daemon of its node: start that",
      );
    default: {
      const unhandled: never = service;
      return unhandled;
    }
  }
}

/** The tailscaled that the daemon started, by its pid file; the program behind the pid must be the lab's tailscaled. */
function tailscaledProcess(lab: Lab, node: LabNode): ProcessIdentity | undefined {
  try {
    const pid = Number.parseInt(readFileSync(join(node.runtimeDir, "tailscaled.pid"), "utf8"), 10);
    return readlinkSync(`/proc/${pid}/exe`) === lab.tools.tailscaled ? identify(pid) : undefined;
  } catch {
    return undefined;
  }
}

function recordName(lab: Lab, service: Exclude<Service, { name: "tailscaled" | "daemon" }>): string {
  return service.name === "host-tailscaled" ? hostTailscaledName(nodeOf(lab, service.node)) : service.name;
}
