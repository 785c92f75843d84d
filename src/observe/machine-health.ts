import type { MachineObserver } from "./machine-observer.ts";

/** Body of `/healthz`. */
export interface Health {
  readonly alive: boolean;
  readonly reasons: readonly string[];
}

/** Alive while no machine has failed without its parent dealing with it; that an answer comes shows the event loop turns. */
export function machineHealth(observer: MachineObserver): Health {
  const reasons = observer
    .states()
    .filter(({ error }) => error !== undefined)
    .map(({ machine, actor, error }) => `${machine} (${actor}) failed: ${error}`);
  return { alive: reasons.length === 0, reasons };
}
