/** A clock for `createActor(machine, { clock })`: time stands still until a test fires a timer. */
export interface ManualClock {
  setTimeout(run: () => void, delayMs: number): number;
  clearTimeout(id: unknown): void;
  /** Fires the youngest running timer of exactly this delay; false when there is none. */
  fire(delayMs: number): boolean;
  /** Delays of the timers that still run. */
  running(): readonly number[];
}

export function manualClock(): ManualClock {
  const timers = new Map<number, { readonly run: () => void; readonly delayMs: number }>();
  let lastId = 0;
  return {
    setTimeout(run, delayMs) {
      lastId += 1;
      timers.set(lastId, { run, delayMs });
      return lastId;
    },
    clearTimeout(id) {
      timers.delete(id as number);
    },
    fire(delayMs) {
      const found = [...timers].findLast(([, timer]) => timer.delayMs === delayMs);
      if (found === undefined) return false;
      timers.delete(found[0]);
      found[1].run();
      return true;
    },
    running: () => [...timers.values()].map((timer) => timer.delayMs),
  };
}
