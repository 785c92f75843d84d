import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { PoolOptions, PoolRunnerInitializer, PoolWorker, WorkerRequest } from "vitest/node";
import type { Reached } from "./worker.ts";

/** A pool of one process that outlives a run. `stop` ends it: the next run starts another one. */
export type WarmPool = PoolRunnerInitializer & {
  readonly stop: () => Promise<void>;
  /** The places that the last run reached. */
  readonly reached: () => readonly string[];
};

export function warmPool(): WarmPool {
  let child: ChildProcess | undefined;
  let places: readonly string[] = [];
  // A mutant that loops for ever does not see that its parent ends.
  process.once("exit", () => child?.kill("SIGKILL"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  const start = (options: PoolOptions): ChildProcess => {
    const started = fork(join(import.meta.dirname, "worker.ts"), [], {
      env: options.env as NodeJS.ProcessEnv,
      execArgv: options.execArgv,
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      serialization: "advanced",
    });
    started.setMaxListeners(0);
    started.on("message", (message: Reached) => {
      if (message.mutate === "reached") places = message.places;
    });
    started.once("exit", () => {
      if (child === started) child = undefined;
    });
    return started;
  };
  return {
    name: "warm",
    createPoolWorker: (options) => {
      child ??= start(options);
      return forOneRun(child);
    },
    reached: () => places,
    stop: async () => {
      const ending = child;
      if (ending === undefined) return;
      child = undefined;
      const exited = new Promise((resolve) => ending.once("exit", resolve));
      ending.kill("SIGKILL");
      await exited;
    },
  };
}

/** What Vitest sees: a worker for one run. Its end leaves the process alive. */
function forOneRun(child: ChildProcess): PoolWorker {
  const listeners: (readonly [string, (...values: unknown[]) => void])[] = [];
  return {
    name: "warm",
    // A new process would take the files of its first run from disk for ever: Vitest's workers do not outlive a run.
    cacheFs: false,
    on: (event, callback) => {
      listeners.push([event, callback]);
      child.on(event, callback);
    },
    off: (event, callback) => child.off(event, callback),
    send: (message: WorkerRequest) => {
      if (message.type === "stop")
        child.emit("message", { type: "stopped", __vitest_worker_response__: true });
      else child.send(message);
    },
    deserialize: (message) => message,
    start: async () => {},
    stop: async () => {
      for (const [event, callback] of listeners) child.off(event, callback);
    },
  };
}
