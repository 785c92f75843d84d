import { Worker } from "node:worker_threads";
import { type FuzzWork, sharedBytes } from "./fuzz-work.ts";

export interface FuzzRun extends Pick<FuzzWork, "target" | "seed"> {
  readonly inputs?: number;
  readonly seconds?: number;
}

export interface FuzzOutcome {
  /** Inputs that were read, those of the corpus among them. */
  readonly inputs: number;
  /** The last of them, where it is a fault: what was thrown, or which limit it broke. */
  readonly fault?: { readonly input: Buffer; readonly why: string };
}

/** What one input may take: of the processor, by the clock on a machine that is busy with others, of V8's heap. */
const limits = { cpuMs: 5000, wallMs: 60_000, heapMb: 256 };
const lookMs = 250;

/** Runs a target in a thread of its own, which is ended when an input breaks a limit. */
export async function fuzz({
  target,
  seed,
  inputs = Infinity,
  seconds = Infinity,
}: FuzzRun): Promise<FuzzOutcome> {
  const shared = new SharedArrayBuffer(sharedBytes);
  const progress = new Int32Array(shared, 0, 2);
  const work: FuzzWork = { target, seed, inputs, seconds, shared };
  const worker = new Worker(new URL("worker.ts", import.meta.url), {
    workerData: work,
    resourceLimits: { maxOldGenerationSizeMb: limits.heapMb, maxYoungGenerationSizeMb: 32 },
  });
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  worker.once("message", ({ fault }: { readonly fault?: string }) => resolve(fault));
  // Of the heap, or of what nobody waits for.
  worker.once("error", (error: Error) => resolve(error.stack ?? error.message));
  worker.once("exit", (code) => resolve(`the thread ended with ${code}`));
  const watch = setInterval(watchdog(progress, resolve), lookMs);
  try {
    const why = await promise;
    const read = Atomics.load(progress, 0);
    if (why === undefined) return { inputs: read };
    const input = Buffer.from(new Uint8Array(shared, 8, Atomics.load(progress, 1)));
    return { inputs: read, fault: { input, why } };
  } finally {
    clearInterval(watch);
    await worker.terminate();
  }
}

/** Looks whether the worker is still at the input at which it was. */
function watchdog(progress: Int32Array, tell: (why: string) => void): () => void {
  const now = () => ({ count: Atomics.load(progress, 0), cpu: process.cpuUsage(), at: performance.now() });
  let since = now();
  return () => {
    if (Atomics.load(progress, 0) !== since.count) since = now();
    const { user, system } = process.cpuUsage(since.cpu);
    // Before the first input the worker is loading.
    if (since.count === 0) return;
    if ((user + system) / 1000 > limits.cpuMs) tell(`it takes more than ${limits.cpuMs} ms of the processor`);
    if (performance.now() - since.at > limits.wallMs) tell(`it does not end within ${limits.wallMs} ms`);
  };
}
