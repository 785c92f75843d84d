import { setTimeout as delay } from "node:timers/promises";

/** The node's wall clock. */
export interface Clock {
  now(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const wallClock: Clock = {
  now: Date.now,
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
};

/** Nodes look for Headscale at whole multiples of this on their clocks. */
const tickMs = 1000;
/** Headscale must answer within this part of a tick; the moment after it is the one to come back in. */
const probeMs = 500;

/**
 * Waits until Headscale answers, then asks it to take this node back. Left to itself tailscaled comes back within
 * half a minute, each node at its own moment; but Headscale starts with every node offline and tells the first comers so: they
 * drop the routes of the others until those have come too (measured: 8.7 s without pod traffic). So all nodes look at the same
 * instants, and come back in the same one, which is why there is no jitter here.
 */
export async function rejoinTogether(
  probe: (signal: AbortSignal) => Promise<void>,
  comeBack: () => Promise<void>,
  signal: AbortSignal,
  clock: Clock = wallClock,
): Promise<void> {
  for (;;) {
    await untilNext(0, clock, signal);
    const answers = await probe(AbortSignal.any([signal, AbortSignal.timeout(probeMs)])).then(
      () => true,
      () => false,
    );
    if (answers) break;
  }
  await untilNext(probeMs, clock, signal);
  await comeBack();
}

/** Until the clock is `phaseMs` past a tick. */
async function untilNext(phaseMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const past = (clock.now() - phaseMs) % tickMs;
  await clock.sleep(tickMs - past, signal);
}
