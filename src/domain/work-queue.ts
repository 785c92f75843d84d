/**
 * Keys that wait for work, each at most once, oldest first; one is worked on at a time. A key that is asked for while it
 * is worked on is done again afterwards, since the work may have begun before what it was asked for.
 */
export interface WorkQueue {
  readonly waiting: readonly string[];
  readonly working: string | null;
  /** The key in work was asked for again. */
  readonly again: boolean;
}

export const emptyQueue: WorkQueue = { waiting: [], working: null, again: false };

/** Asks for work on a key. */
export function addWork(queue: WorkQueue, key: string): WorkQueue {
  if (key === queue.working) return { ...queue, again: true };
  return queue.waiting.includes(key) ? queue : { ...queue, waiting: [...queue.waiting, key] };
}

/** Takes the oldest key into work; the same queue when there is none, or one is in work. */
export function beginWork(queue: WorkQueue): WorkQueue {
  const [first, ...waiting] = queue.waiting;
  if (queue.working !== null || first === undefined) return queue;
  return { waiting, working: first, again: false };
}

/** The key in work is done; it waits again if it was asked for meanwhile. */
export function endWork({ waiting, working, again }: WorkQueue): WorkQueue {
  const rest: WorkQueue = { waiting, working: null, again: false };
  return working !== null && again ? addWork(rest, working) : rest;
}

/** Forgets keys that wait; one in work goes on. */
export function dropWork(queue: WorkQueue, unwanted: (key: string) => boolean): WorkQueue {
  const waiting = queue.waiting.filter((key) => !unwanted(key));
  return waiting.length === queue.waiting.length ? queue : { ...queue, waiting };
}
