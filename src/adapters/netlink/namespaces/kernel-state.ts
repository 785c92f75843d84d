import type { KernelChange } from "../../../domain/kernel/kernel-state.ts";
import type { KernelState } from "../../../ports/kernel-state.ts";
import type { WorkerClient } from "../worker/worker-client.ts";

type Listener = (change: KernelChange) => void;

/** Those who listen for changes. */
export type ChangeListeners = Set<Listener>;

/** The port KernelState: every method but `watch` is one request to the worker. */
export function kernelState({ command }: WorkerClient, listeners: ChangeListeners): KernelState {
  const echo = command("echo");
  return {
    openNamespace: command("openNamespace"),
    createNamespace: command("createNamespace"),
    removeNamespace: command("removeNamespace"),
    observe: command("observe"),
    apply: command("apply"),
    changeElements: command("changeElements"),
    listFlows: command("listFlows"),
    endFlows: command("endFlows"),
    readSysctls: command("readSysctls"),
    writeSysctls: command("writeSysctls"),
    watch: (listener) => {
      // A fresh function for each call: listening twice with one function counts twice.
      const entry: Listener = (change) => listener(change);
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
    echo: (source, destination, timeoutMs, bytes) => echo({ source, destination, timeoutMs, bytes }),
  };
}
