import { readdir, readFile, readlink } from "node:fs/promises";
import type { TailscaledProcess } from "../../ports/tailnet.ts";
import { startTimeOf } from "../tailscale/process-identity.ts";
import { WireError } from "./wire-error.ts";
import { readWireRecord } from "./wire-record.ts";

/** A live headcni-wire; pids as this process sees them. */
export interface FoundWire {
  readonly launcher: TailscaledProcess;
  readonly netnsInode: string;
  /** Undefined while it does not answer. */
  readonly tailscaled: TailscaledProcess | undefined;
}

/**
 * The headcni-wire that a record speaks of, if it still is that very one and stands in the tailnet namespace it says. Throws WireError
 * WIRE_MISSING, WIRE_UNREADABLE or WIRE_GONE.
 */
export async function findWire(recordPath: string): Promise<FoundWire> {
  const record = await readWireRecord(recordPath);
  const { netnsInode } = record;
  const launcher = await locate(record, netnsInode);
  if (launcher === undefined)
    throw new WireError(
      `headcni-wire (process ${record.pid}, started ${record.startedAt}) is gone: its pod has to run again`,
      { code: "WIRE_GONE", pid: record.pid },
    );
  const tailscaled = record.tailscaled === null ? undefined : await locate(record.tailscaled, netnsInode);
  return { launcher, netnsInode, tailscaled };
}

/**
 * The process as this pid namespace knows it: the launcher may run in one of its own. Start time, inner pid and namespace
 * together name one process, for none of the three alone is never used again.
 */
async function locate(
  recorded: TailscaledProcess,
  netnsInode: string,
): Promise<TailscaledProcess | undefined> {
  const { pid, startTime } = recorded;
  const same = (candidate: number) => isRecorded(candidate, recorded, netnsInode);
  if (await same(pid)) return { pid, startTime };
  for (const name of await readdir("/proc")) {
    if (/^\d+$/.test(name) && (await same(Number(name)))) return { pid: Number(name), startTime };
  }
  return undefined;
}

async function isRecorded(
  candidate: number,
  { pid, startTime }: TailscaledProcess,
  netnsInode: string,
): Promise<boolean> {
  // The cheapest question first: it is asked of every process of the node.
  if ((await startTimeOf(candidate)) !== startTime) return false;
  const [status, link] = await Promise.all([
    readFile(`/proc/${candidate}/status`, "utf8").catch(() => ""),
    readlink(`/proc/${candidate}/ns/net`).catch(() => ""),
  ]);
  return Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1]) === pid && link === `net:[${netnsInode}]`;
}
