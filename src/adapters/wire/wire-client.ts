import type { KernelState } from "../../ports/kernel-state.ts";
import type { TailscaledProcess } from "../../ports/tailnet.ts";
import type { Wire, WireEnd } from "../../ports/wire.ts";
import { attendedFile, isAttended, noteAttended } from "../tailscale/attended.ts";
import { endProcess } from "../tailscale/process-identity.ts";
import { endPredecessor } from "./end-predecessor.ts";
import { findWire } from "./find-wire.ts";
import { WireError } from "./wire-error.ts";
import { wireRecordPath } from "./wire-record.ts";

/** headcni-wire from the daemon's side: nothing of the tailnet namespace is made here. */
export interface WireClient extends Wire, WireEnd {
  /** Path of the tailnet namespace as it was entered last, for programs that are run in it. */
  path(): string;
  /** As `find`, and undefined while there is none. */
  running(): Promise<TailscaledProcess | undefined>;
}

export function createWireClient(kernel: Pick<KernelState, "openNamespace">, runtimeDir: string): WireClient {
  const record = wireRecordPath(runtimeDir);
  const attended = attendedFile(runtimeDir);
  let entered = "";

  const find = async () => {
    const { tailscaled } = await findWire(record);
    if (tailscaled !== undefined) return { ...tailscaled, attended: await isAttended(attended, tailscaled) };
    throw new WireError("headcni-wire runs, but its tailscaled does not answer: see its log", {
      code: "TAILSCALED_AWAY",
    });
  };
  const enter = async () => {
    const { launcher, netnsInode, tailscaled } = await findWire(record);
    const path = `/proc/${launcher.pid}/ns/net`;
    await kernel.openNamespace("tailnet", path, netnsInode);
    entered = path;
    if (tailscaled !== undefined) await noteAttended(attended, tailscaled);
    // A launcher makes one tailnet namespace and stands in it until it ends.
    return `${launcher.pid} ${launcher.startTime}`;
  };
  return {
    find,
    enter,
    end: async (signal) => {
      const wire = await findWire(record).catch((error: unknown) => {
        if (error instanceof WireError && error.detail.code !== "WIRE_UNREADABLE") return undefined;
        throw error;
      });
      if (wire !== undefined) await endProcess(wire.launcher, "SIGTERM", signal);
      return (await endPredecessor(runtimeDir)) || wire !== undefined;
    },
    path: () => entered,
    running: () =>
      find().catch((error: unknown) => {
        if (error instanceof WireError) return undefined;
        throw error;
      }),
  };
}
