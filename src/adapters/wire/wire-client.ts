import { join } from "node:path";
import { tailnetLink } from "../../domain/kernel-constants.ts";
import type { KernelState } from "../../ports/kernel-state.ts";
import type { TailscaledProcess } from "../../ports/tailnet.ts";
import type { TailnetNamespace } from "../../ports/tailnet-namespace.ts";
import type { Wire, WireEnd } from "../../ports/wire.ts";
import { writeWhole } from "../files/write-whole.ts";
import { endProcess, isRunning, readRecord } from "../tailscale/process-identity.ts";
import type { TailscaledKeeper } from "../tailscale/tailscaled-keeper.ts";
import { findWire } from "./find-wire.ts";
import { WireError } from "./wire-error.ts";
import { wireRecordPath } from "./wire-record.ts";

/** headcni-wire from the daemon's side: nothing of X is made or ended here. */
export interface WireClient extends Wire, WireEnd {
  /** Path of X as it was entered last, for programs that are run in it. */
  path(): string;
  readonly keeper: TailscaledKeeper;
  readonly namespace: TailnetNamespace;
}

export function createWireClient(
  kernel: Pick<KernelState, "openNamespace" | "apply">,
  runtimeDir: string,
): WireClient {
  const record = wireRecordPath(runtimeDir);
  const attended = join(runtimeDir, "tailscaled.attended");
  let entered = "";

  const find = async () => {
    const { tailscaled } = await findWire(record);
    if (tailscaled !== undefined) return { ...tailscaled, attended: await isAttended(attended, tailscaled) };
    throw new WireError("headcni-wire runs, but its tailscaled does not answer: see its log", {
      code: "TAILSCALED_AWAY",
    });
  };
  /** headcni-wire; on a node from before it, the tailscaled that the daemon ran. */
  const runners = async () => {
    const wire = await findWire(record).catch((error: unknown) => {
      if (error instanceof WireError && error.detail.code !== "WIRE_UNREADABLE") return undefined;
      throw error;
    });
    const old = await readRecord(join(runtimeDir, "tailscaled.pid"));
    const processes = [wire?.launcher, old].filter((one) => one !== undefined);
    const running = await Promise.all(processes.map(isRunning));
    return processes.filter((_, index) => running[index]);
  };
  const enter = async () => {
    const { launcher, netnsInode, tailscaled } = await findWire(record);
    const path = `/proc/${launcher.pid}/ns/net`;
    await kernel.openNamespace("tailnet", path, netnsInode);
    entered = path;
    // Without room for it the next daemon opens the paths once more than needed.
    if (tailscaled !== undefined)
      await writeWhole(attended, `${tailscaled.pid} ${tailscaled.startTime}\n`, { synced: false }).catch(
        () => undefined,
      );
  };
  return {
    find,
    enter,
    end: async (signal) => {
      const found = await runners();
      await Promise.all(found.map((process) => endProcess(process, signal)));
      return found.length > 0;
    },
    path: () => entered,
    keeper: {
      find: () =>
        find().catch((error: unknown) => {
          if (error instanceof WireError) return undefined;
          throw error;
        }),
      start: find,
      // headcni-wire would start it again at once.
      stop: async () => undefined,
    },
    namespace: {
      ensure: async () => undefined,
      remove: () => kernel.apply("node", [{ op: "link.remove", link: tailnetLink.node }]),
    },
  };
}

async function isAttended(file: string, { pid, startTime }: TailscaledProcess): Promise<boolean> {
  const recorded = await readRecord(file);
  return recorded?.pid === pid && recorded.startTime === startTime;
}
