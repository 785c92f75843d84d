/**
 * Work of headcnictl that needs a process of its own: because the whole process stands in another namespace, or because of the native
 * library that other commands need not load. Not for people: what it prints is read by headcnictl.
 */

import { openKernel } from "../adapters/netlink/open-kernel.ts";
import type { KernelSnapshot } from "../domain/kernel/kernel-state.ts";
import { runPodWorker } from "./connect-test/agent/pod-worker.ts";
import { tryKernel } from "./doctor/read/kernel-trials.ts";
import { trialFolder } from "./doctor/read/run-kernel-trials.ts";

const [task, ...words] = process.argv.slice(2);
switch (task) {
  case "kernel-trials":
    console.log(
      JSON.stringify(
        await tryKernel(words.includes("6") ? [4, 6] : [4], {
          folder: trialFolder,
          sysctlRoot: words[0] ?? "/proc/sys",
        }),
      ),
    );
    break;
  case "pod-worker":
    await runPodWorker();
    break;
  case "kernel-snapshot":
    console.log(JSON.stringify(await kernelSnapshot(words[0]), undefined, 2));
    break;
  default:
    console.error("headcnictl-helper: this is started by headcnictl itself");
    process.exitCode = 2;
}

/** Links, addresses, routes and rules of this node, or of the tailnet namespace mounted at `tailnetPath`. Changes nothing. */
async function kernelSnapshot(tailnetPath: string | undefined): Promise<KernelSnapshot> {
  const kernel = await openKernel({ onFailure: () => undefined });
  try {
    if (tailnetPath === undefined) return await kernel.state.observe("node");
    await kernel.state.openNamespace("tailnet", tailnetPath);
    return await kernel.state.observe("tailnet");
  } finally {
    await kernel.close();
  }
}
