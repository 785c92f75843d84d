import type { KernelState } from "../../ports/kernel-state.ts";
import type { PodNetwork } from "../../ports/pod-network.ts";
import type { DevtoolsCommand } from "../devtools/devtools.ts";
import { podNetwork } from "./attachment/pod-network.ts";
import { removeLeaving } from "./attachment/remove-leaving.ts";
import { loadLibc } from "./libc.ts";
import { type ChangeListeners, kernelState } from "./namespaces/kernel-state.ts";
import { openWakeDescriptor } from "./worker/wake-descriptor.ts";
import { startWorkerClient } from "./worker/worker-client.ts";

export interface KernelOptions {
  /** The worker died of an error: no port works any more, and the process should end so that its successor recovers. */
  readonly onFailure: (error: Error) => void;
  /** Where /proc/sys of the node can be written; "/proc/sys" by default. */
  readonly sysctlRoot?: string;
}

/** Both kernel ports over one worker thread. */
export interface Kernel {
  readonly podNetwork: PodNetwork;
  readonly state: KernelState;
  /** Runs commands in the worker's DevTools session; `last` ends it. */
  devtools(commands: readonly DevtoolsCommand[], last: boolean): Promise<unknown>;
  /** Ends the worker and closes every descriptor. Links, routes and namespaces stay. */
  close(): Promise<void>;
}

/** Works on the network namespace in which the calling thread stands. Needs CAP_NET_ADMIN and CAP_SYS_ADMIN. */
export async function openKernel(options: KernelOptions): Promise<Kernel> {
  const libc = loadLibc();
  const listeners: ChangeListeners = new Set();
  const client = await startWorkerClient({
    workerUrl: workerUrl(import.meta.url),
    wakeFd: openWakeDescriptor(libc),
    sysctlRoot: options.sysctlRoot ?? "/proc/sys",
    failed: options.onFailure,
    changed: (changes) => {
      for (const change of changes) for (const listener of [...listeners]) listener(change);
    },
  });
  return {
    podNetwork: podNetwork(client, () => removeLeaving(libc)),
    state: kernelState(client, listeners),
    devtools: async (commands, last) => {
      const answered = await client.command("devtools")(commands, last);
      if ("refusal" in answered) throw new Error(answered.refusal);
      return answered.answer;
    },
    close: () => client.close(),
  };
}

/** Next to this file when run from source; next to the bundle, under the name the build gives it, otherwise. */
function workerUrl(self: string): URL {
  return new URL(self.endsWith(".ts") ? "./worker/kernel-worker.ts" : "./kernel-worker.mjs", self);
}
