/** Pings under way at once. */
const width = 32;
/** Waits for an answer, in ms, attempt by attempt: the first pings after a start are often lost, and relays are far. */
const patienceMs: readonly number[] = [150, 250, 500, 1000, 1000, 1000, 1000, 1000, 1000, 1000];

type Ping = (address: string, signal: AbortSignal) => Promise<unknown>;

/**
 * Returns a function that takes peers to ping. Each is pinged until it answers (anything but undefined) or its attempts are used
 * up; `idle` is called whenever none is left.
 */
export function greetPeers(
  ping: Ping,
  idle: () => void,
  signal: AbortSignal,
): (addresses: readonly string[]) => void {
  const waiting: string[] = [];
  let busy = 0;

  async function greet(address: string): Promise<void> {
    for (const limitMs of patienceMs) {
      const answer = await ping(address, AbortSignal.any([signal, AbortSignal.timeout(limitMs)])).catch(
        () => undefined,
      );
      if (answer !== undefined || signal.aborted) return;
    }
  }
  async function work(): Promise<void> {
    busy += 1;
    for (let next = waiting.shift(); next !== undefined && !signal.aborted; next = waiting.shift())
      await greet(next);
    busy -= 1;
    if (busy === 0 && !signal.aborted) idle();
  }

  return (addresses) => {
    waiting.push(...addresses);
    const more = Math.min(width - busy, waiting.length);
    for (let started = 0; started < more; started += 1) void work();
  };
}
