import { join } from "node:path";
import type { TailscaledProcess } from "../../ports/tailnet.ts";
import { writeWhole } from "../files/write-whole.ts";
import { readRecord } from "./process-identity.ts";

/** Where the daemon remembers which tailscaled's paths to peers it has opened. */
export function attendedFile(runtimeDir: string): string {
  return join(runtimeDir, "tailscaled.attended");
}

/** Whether a daemon has attended exactly this process. */
export async function isAttended(file: string, { pid, startTime }: TailscaledProcess): Promise<boolean> {
  const recorded = await readRecord(file);
  return recorded?.pid === pid && recorded.startTime === startTime;
}

/** Without room for it the next daemon opens the paths once more than needed. */
export async function noteAttended(file: string, { pid, startTime }: TailscaledProcess): Promise<void> {
  await writeWhole(file, `${pid} ${startTime}\n`, { synced: false }).catch(() => undefined);
}
