import type { MachineListener } from "../live-machine.ts";

/** Tells each of them, in order. */
export function severalListeners(listeners: readonly (MachineListener | undefined)[]): MachineListener {
  const all = listeners.filter((listener) => listener !== undefined);
  return {
    began: (machine) => {
      for (const listener of all) listener.began(machine);
    },
    moved: (machine, from, step) => {
      for (const listener of all) listener.moved(machine, from, step);
    },
    failed: (machine) => {
      for (const listener of all) listener.failed(machine);
    },
    ended: (machine) => {
      for (const listener of all) listener.ended(machine);
    },
  };
}
