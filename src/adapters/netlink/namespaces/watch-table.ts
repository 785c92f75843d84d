import { closeSync, writeSync } from "node:fs";
import { visibleLine } from "../../../protocol/visible-text.ts";
import { loadLibc, pollEntries } from "../libc.ts";
import { netlinkNetfilter, openNetlinkSocket } from "../netlink-socket.ts";
import { openWakeDescriptor } from "../worker/wake-descriptor.ts";
import { nftablesGroups, receiveBufferBytes } from "./monitor.ts";
import { tableChanges } from "./nftables-changes.ts";

/** Hears of an nftables table from the moment it is made until it is closed or has failed. */
export interface TableWatch {
  /** Runs one load of ours by nft(8), one transaction, which is not told; who else changes the table meanwhile is, after it. */
  duringLoad(load: () => Promise<void>): Promise<void>;
  close(): void;
}

/** Of our own loads. */
const ownProcess = "nft";
/** The kernel dropped notifications. */
const unknown = "an unknown program";
const one = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

/**
 * Watches the table of this name in the network namespace of the calling thread. `changed` is called with the name of each process (comm
 * of 15 characters) that changed it, `failed` at most once and nothing after it. Waits on a thread of libuv's pool. Pids would not tell
 * our loads from others: the kernel gives those of the first pid namespace (nf_tables_fill_gen_info). Throws NetlinkError or KernelRefusal.
 */
export function watchTable(
  table: string,
  changed: (process: string) => void,
  failed: (error: Error) => void,
): TableWatch {
  const libc = loadLibc();
  const socket = openNetlinkSocket(libc, {
    protocol: netlinkNetfilter,
    groups: nftablesGroups,
    receiveBufferBytes,
  });
  const wakeFd = openWakeDescriptor(libc, socket.close);
  const entries = pollEntries([socket.fd, wakeFd]);
  const read = tableChanges(table);
  let closed = false;
  /** Who changed it during a load. */
  let held: string[] | undefined;

  const close = (): void => {
    if (closed) return;
    closed = true;
    writeSync(wakeFd, one);
  };
  const heard = (processes: readonly string[]): void => {
    if (held !== undefined) held.push(...processes);
    else for (const name of processes) changed(visibleLine(name));
  };
  const drain = (): void => {
    try {
      while (!closed) {
        const received = socket.receive();
        if (received === undefined) return;
        heard(received === "overrun" ? [unknown] : read(received));
      }
    } catch (error) {
      close();
      failed(error as Error);
    }
  };
  // Without this, process.exit() would wait for the thread that sleeps in poll().
  process.once("exit", close);
  const wait = (): void =>
    libc.pollAsync(entries, 2, -1, () => {
      drain();
      if (!closed) return wait();
      process.removeListener("exit", close);
      socket.close();
      closeSync(wakeFd);
    });
  wait();

  return {
    duringLoad: async (load) => {
      drain();
      held = [];
      try {
        await load();
        // The kernel tells of a transaction before it answers who made it.
        drain();
        const own = held.indexOf(ownProcess);
        if (own !== -1) held.splice(own, 1);
      } finally {
        const others = held;
        held = undefined;
        heard(others);
      }
    },
    close,
  };
}
