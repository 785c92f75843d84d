import { openSync } from "node:fs";
import { type WireSettings, wireOperations } from "../../domain/tailnet/wire-operations.ts";
import type { WireHost } from "../../ports/wire.ts";
import { removeFile } from "../files/write-whole.ts";
import { loadLibc } from "../netlink/libc.ts";
import { applyOperations } from "../netlink/namespaces/apply-operations.ts";
import { keptNamespaces } from "../netlink/namespaces/kept-namespaces.ts";
import { threadNamespaces } from "../netlink/namespaces/namespaces.ts";
import { startTimeOf } from "../tailscale/process-identity.ts";
import { readNameservers } from "../tailscale/resolv-conf.ts";
import { resolverMissing } from "../tailscale/tailscale-error.ts";
import { type TailscaledOptions, tailscaledPaths } from "../tailscale/tailscaled-command.ts";
import { launchResolver } from "./launch-resolver.ts";
import { launchTailscaled } from "./launch-tailscaled.ts";
import { wireRecordPath, writeWireRecord } from "./wire-record.ts";

/** The launcher's node. `now` in ms since the epoch. */
export function createWireHost(
  tailscaled: TailscaledOptions,
  settings: WireSettings,
  now: () => number = Date.now,
): WireHost {
  const recordPath = wireRecordPath(tailscaled.runtimeDir);
  /** Opened while this thread still stands there. */
  const node = openSync("/proc/thread-self/ns/net", "r");
  let held: { readonly netnsInode: string; readonly startedAt: string } | undefined;

  return {
    prepare: async () => {
      held = { netnsInode: makeTailnetNamespace(settings), startedAt: new Date(now()).toISOString() };
      const { direct, forwarded } = await readNameservers();
      if (direct.length + forwarded.length === 0) tailscaled.warned?.(resolverMissing());
      return forwarded;
    },
    resolve: (addresses, ended) =>
      launchResolver(addresses, { node, sysctlDir: tailscaled.sysctlDir }, ended),
    launch: (heard) => launchTailscaled(tailscaled, heard),
    publish: async (running) => {
      const startTime = await startTimeOf(process.pid);
      if (held === undefined || startTime === undefined) return;
      await writeWireRecord(recordPath, {
        version: 1,
        pid: process.pid,
        startTime,
        netnsInode: held.netnsInode,
        tailscaled: running,
        socket: tailscaledPaths(tailscaled).socket,
        startedAt: held.startedAt,
      });
    },
    retract: () => removeFile(recordPath),
  };
}

/**
 * Makes the tailnet namespace and puts the calling thread, the process's main one, into it: /proc/PID/ns/net is it, and children are
 * born there. A veth of an earlier one is replaced. Gives its inode.
 */
function makeTailnetNamespace(settings: WireSettings): string {
  const libc = loadLibc();
  const namespaces = threadNamespaces(libc);
  const kept = keptNamespaces(libc, namespaces);
  try {
    const tailnet = namespaces.make();
    try {
      kept.open("tailnet", `/proc/self/fd/${tailnet.fd}`, tailnet.inode);
      const operations = wireOperations(settings);
      for (const name of ["node", "tailnet"] as const)
        applyOperations(kept, kept.get(name), operations[name]);
      namespaces.moveInto(tailnet);
      return tailnet.inode;
    } finally {
      namespaces.close(tailnet);
    }
  } finally {
    kept.close();
    namespaces.close(namespaces.home);
  }
}
