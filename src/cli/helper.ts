/**
 * Work of headcnictl that needs a process of its own: because the whole process stands in another namespace, or because of the native
 * library that other commands need not load. Not for people: what it prints is read by headcnictl.
 */
import { runPodWorker } from "../adapters/connect-test/pod-worker.ts";
import { tryKernel } from "../adapters/doctor/kernel-trials.ts";
import { trialFolder } from "../adapters/doctor/run-kernel-trials.ts";
import { kernelSnapshot } from "./diagnostics/kernel-snapshot.ts";

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
