import type { KernelChange } from "../../domain/kernel-state.ts";
import type { KernelState } from "../../ports/kernel-state.ts";
import type { WorkerClient } from "./worker-client.ts";

type Listener = (change: KernelChange) => void;

/** Those who listen for changes. */
export type ChangeListeners = Set<Listener>;

/** The port KernelState: every method is one request to the worker. */
export function kernelState(client: WorkerClient, listeners: ChangeListeners): KernelState {
  return {
    openNamespace: async (name, path, inode) => {
      await client.call("openNamespace", { name, path, ...(inode === undefined ? {} : { inode }) });
    },
    createNamespace: async (path) => {
      await client.call("createNamespace", path);
    },
    removeNamespace: async (path) => {
      await client.call("removeNamespace", path);
    },
    observe: (namespace) => client.call("observe", namespace),
    apply: async (namespace, operations) => {
      if (operations.length > 0) await client.call("apply", { namespace, operations });
    },
    readSysctls: (namespace, names) => client.call("readSysctls", { namespace, names }),
    writeSysctls: async (namespace, values) => {
      await client.call("writeSysctls", { namespace, values });
    },
    watch: (listener) => {
      // A fresh function for each call: listening twice with one function counts twice.
      const entry: Listener = (change) => listener(change);
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
    echo: (source, destination, timeoutMs, bytes) =>
      client.call("echo", { source, destination, timeoutMs, ...(bytes === undefined ? {} : { bytes }) }),
  };
}
