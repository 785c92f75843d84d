import { once } from "node:events";
import { closeSync, writeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { KernelChange } from "../../domain/kernel-state.ts";
import type {
  CommandFailure,
  KernelCommandName,
  KernelCommands,
  KernelMessage,
  KernelWorkerData,
} from "./kernel-commands.ts";
import { KernelStateRefusal, PodNetworkRefusal } from "./kernel-errors.ts";

/** The main thread's end of the kernel worker. */
export interface WorkerClient {
  /** Rejects with PodNetworkRefusal or KernelStateRefusal; after the worker's end with KernelStateRefusal CLOSED. */
  call<Name extends KernelCommandName>(
    name: Name,
    input: KernelCommands[Name]["input"],
  ): Promise<KernelCommands[Name]["output"]>;
  /** Ends the worker and resolves when it is gone. */
  close(): Promise<void>;
}

export interface WorkerClientOptions {
  readonly workerUrl: URL;
  /** A non-blocking eventfd; the client closes it. */
  readonly wakeFd: number;
  readonly sysctlRoot: string;
  readonly changed: (changes: readonly KernelChange[]) => void;
  /** The worker died of an error: nothing of the kernel works any more. */
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
  const worker = new Worker(options.workerUrl, { workerData: data, name: "kernel" });
  const exited = once(worker, "exit").then(() => undefined);
  const pending = new Map<number, PendingCall>();
  let lastId = 0;
  let ended = false;

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
  });

  await opened(worker);
  worker.on("error", options.failed);
  worker.on("message", (message: KernelMessage) => {
    if (message.kind === "changed") return options.changed(message.changes);
    if (message.kind === "opened") return;
    const call = pending.get(message.id);
    pending.delete(message.id);
    if (message.kind === "done") call?.resolve(message.output);
    else call?.reject(failureError(message.failure));
  });

  const call = (name: KernelCommandName, input: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (ended || Atomics.load(closing, 0) === 1) return reject(closedError());
      lastId += 1;
      pending.set(lastId, { resolve, reject });
      worker.postMessage({ id: lastId, name, input });
      wake();
    });

  return {
    // The worker answers each command with the output of that command.
    call: call as WorkerClient["call"],
    close: async () => {
      stop();
      await exited;
    },
  };
}

async function opened(worker: Worker): Promise<void> {
  // `once` rejects on "error", with which a worker that cannot start ends.
  await once(worker, "message");
}

function failureError(failure: CommandFailure): Error {
  return failure.port === "podNetwork"
    ? new PodNetworkRefusal(failure.message, failure.detail)
    : new KernelStateRefusal(failure.message, failure.detail);
}

function closedError(): KernelStateRefusal {
  return new KernelStateRefusal("the kernel worker has ended", { code: "CLOSED" });
}
