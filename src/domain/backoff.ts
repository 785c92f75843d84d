import { hashWords } from "./stable-hash.ts";

/** How long to wait between attempts: doubles from `firstMs` to `maxMs`. */
export interface BackoffRange {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Wait before attempt `attempt` (0 = the first repetition), in ms. Between half and the whole of the doubled wait; which
 * part is drawn from `seed` (a node's name), so that nodes which failed together do not return together and the same
 * history gives the same wait.
 */
export function backoffDelay(attempt: number, range: BackoffRange, seed: string): number {
  const whole = Math.min(range.firstMs * 2 ** Math.min(attempt, 30), range.maxMs);
  const [drawn] = hashWords(`${seed}#${attempt}`);
  return Math.round(whole * (0.5 + drawn / 2 ** 33));
}
