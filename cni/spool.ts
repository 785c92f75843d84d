import type { CniRequest } from "../src/protocol/cni-protocol.ts";
import { runtimeDirectory, spoolDirectory, spoolFileName } from "../src/protocol/runtime-files.ts";
import type { Platform } from "./platform.ts";

/** A DEL on record for the daemon's next start, or why it could not be written. */
export type Spooled =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly reason: string };

/**
 * Puts a DEL where the daemon finds it: written under a name that starts with ".", then renamed,
 * so a reader sees all of it or nothing. The directories are made when the daemon never ran since boot.
 */
export function spoolRequest(platform: Platform, socketPath: string, request: CniRequest): Spooled {
  const runtimeDir = runtimeDirectory(socketPath);
  const directory = spoolDirectory(runtimeDir);
  const path = `${directory}/${spoolFileName(request.containerId, request.ifname)}`;
  const temporary = `${directory}/.${platform.processId()}.${Math.floor(platform.nowMs() * 1000)}`;
  const reason =
    platform.ensureDirectory(runtimeDir) ??
    platform.ensureDirectory(directory) ??
    platform.createFile(temporary, JSON.stringify(request)) ??
    platform.rename(temporary, path);
  if (reason === undefined) return { ok: true, path };
  platform.remove(temporary);
  return { ok: false, reason: `${path}: ${reason}` };
}
