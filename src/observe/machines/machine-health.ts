import type { MachineObserver } from "./machine-observer.ts";

/** Body of `/healthz`. */
export interface Health {
  readonly alive: boolean;
  readonly reasons: readonly string[];
}

/** Alive while no machine has failed without its parent dealing with it; that an answer comes shows the event loop turns. */
export function machineHealth(observer: MachineObserver): Health {
  const reasons = [...observer.live()]
    .filter(({ error }) => error !== undefined)
    .map(({ kind, actor, error }) => `${kind.name} (${actor}) failed: ${error}`);
  return { alive: reasons.length === 0, reasons };
}
