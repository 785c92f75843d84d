/** How long to wait between attempts: doubles from `firstMs` to `mostMs`. */
export interface BackoffRange {
  readonly firstMs: number;
  readonly mostMs: number;
}

/**
 * Wait before attempt `attempt` (0 = the first repetition), in ms. Between half and the whole of the doubled wait; which
 * part is drawn from `seed` (a node's name), so that nodes which failed together do not return together and the same
 * history gives the same wait.
 */
export function backoffDelay(attempt: number, range: BackoffRange, seed: string): number {
  const whole = Math.min(range.firstMs * 2 ** Math.min(attempt, 30), range.mostMs);
  return Math.round(whole * (0.5 + fraction(`${seed}#${attempt}`) / 2));
}

/** FNV-1a with a final mix, as a number in [0, 1). */
function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
}
