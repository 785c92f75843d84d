import { rm } from "node:fs/promises";
import { join } from "node:path";
import { loadLibc } from "../netlink/libc.ts";
import { unmountNamespace } from "../netlink/namespaces/namespaces.ts";
import { endProcess, readRecord } from "../tailscale/process-identity.ts";

const termMs = 3000;
const killMs = 5000;

/**
 * Until 0.1 the daemon could run tailscaled itself, in a namespace that it mounted. Such a one still carries the pods when headcni-wire
 * is started for the first time, and holds the state: it is ended only now, and what it leaves is taken away. False where
 * there was none.
 */
export async function endPredecessor(runtimeDir: string): Promise<boolean> {
  const record = join(runtimeDir, "tailscaled.pid");
  const old = await readRecord(record);
  if (old === undefined) return false;
  await endProcess(old, "SIGTERM", AbortSignal.timeout(termMs)).catch(() =>
    endProcess(old, "SIGKILL", AbortSignal.timeout(killMs)),
  );
  unmountNamespace(loadLibc(), join(runtimeDir, "tailnet.netns"));
  await rm(join(runtimeDir, "tailnet-resolv.conf"), { force: true });
  await rm(record, { force: true });
  return true;
}
