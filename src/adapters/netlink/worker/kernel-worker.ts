import { parentPort, workerData } from "node:worker_threads";
import type { KernelWorkerData } from "./kernel-commands.ts";
import { runKernelLoop } from "./kernel-loop.ts";

// The entry of the thread that does all kernel work; without a parent there is nothing to work for.
if (parentPort !== null) runKernelLoop(parentPort, workerData as KernelWorkerData);
