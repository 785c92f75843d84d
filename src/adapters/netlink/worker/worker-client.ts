import { once } from "node:events";
import { closeSync, writeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { KernelChange } from "../../../domain/kernel/kernel-state.ts";
import { KernelRefusal } from "../kernel-errors.ts";
import type {
  KernelCommandName,
  KernelCommands,
  KernelMessage,
  KernelWorkerData,
} from "./kernel-commands.ts";

/** The main thread's end of the kernel worker. */
export interface WorkerClient {
  /** What asks the worker for a command. It rejects with KernelRefusal; after the worker's end with CLOSED. */
  command<Name extends KernelCommandName>(
    name: Name,
  ): (...args: Parameters<KernelCommands[Name]>) => Promise<ReturnType<KernelCommands[Name]>>;
  /** Ends the worker and resolves when it is gone. */
  close(): Promise<void>;
}

export interface WorkerClientOptions {
  readonly workerUrl: URL;
  /** A non-blocking eventfd; the client closes it. */
  readonly wakeFd: number;
  readonly sysctlRoot: string;
  readonly changed: (changes: readonly KernelChange[]) => void;
  /** The worker ended though nobody closed it: nothing of the kernel works any more. */
  readonly failed: (error: Error) => void;
}

interface PendingCall {
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
}

const one = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

/** Starts the worker and waits until it has opened the kernel. Rejects with what it failed of. */
export async function startWorkerClient(options: WorkerClientOptions): Promise<WorkerClient> {
  const { wakeFd, sysctlRoot } = options;
  const closing = new Int32Array(new SharedArrayBuffer(4));
  const data: KernelWorkerData = { wakeFd, closing, sysctlRoot };
  const worker = new Worker(options.workerUrl, {
    workerData: data,
    name: "kernel",
    // What a request leaves behind is small and short-lived: a small nursery saves some 20 MB under load.
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  const pending = new Map<number, PendingCall>();
  let lastId = 0;
  let isOpen = false;
  let ended = false;
  let reason: Error | undefined;

  const wake = (): void => {
    if (!ended) writeSync(wakeFd, one);
  };
  const stop = (): void => {
    Atomics.store(closing, 0, 1);
    wake();
  };
  // Without this, process.exit() would wait for a thread that sleeps in poll().
  process.once("exit", stop);
  worker.once("exit", () => {
    ended = true;
    process.removeListener("exit", stop);
    closeSync(wakeFd);
    for (const call of pending.values()) call.reject(closedError());
    pending.clear();
    if (isOpen && Atomics.load(closing, 0) === 0) options.failed(reason ?? closedError());
  });
  worker.once("error", (error) => {
    reason = error;
  });

  await opened(worker);
  isOpen = true;
  worker.on("message", (message: KernelMessage) => {
    if (message.kind === "changed") return options.changed(message.changes);
    if (message.kind === "opened") return;
    const call = pending.get(message.id);
    pending.delete(message.id);
    if (message.kind === "done") call?.resolve(message.output);
    else call?.reject(new KernelRefusal(message.message, message.detail));
  });

  const command =
    (name: KernelCommandName) =>
    (...args: readonly unknown[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        if (ended || Atomics.load(closing, 0) === 1) return reject(closedError());
        lastId += 1;
        pending.set(lastId, { resolve, reject });
        worker.postMessage({ id: lastId, name, args });
        wake();
      });

  return {
    // The worker answers each command with the output of that command.
    command: command as WorkerClient["command"],
    close: async () => {
      stop();
      await exited;
    },
  };
}

/** Rejects with the error that ended the worker, or CLOSED when it ended without one. */
async function opened(worker: Worker): Promise<void> {
  const abort = new AbortController();
  const { signal } = abort;
  try {
    await Promise.race([
      once(worker, "message", { signal }),
      once(worker, "exit", { signal }).then(() => Promise.reject(closedError())),
    ]);
  } finally {
    abort.abort();
  }
}

function closedError(): KernelRefusal {
  return new KernelRefusal("the kernel worker has ended", { code: "CLOSED" });
}
