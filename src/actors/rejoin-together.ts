import { setTimeout as delay } from "node:timers/promises";

/** Nodes look for Headscale at whole multiples of this on their clocks. */
const tickMs = 1000;
const probeMs = 900;

/**
 * Waits until Headscale answers, then asks it to take this node back at once. Left to itself tailscaled comes back within
 * half a minute, each node at its own moment; but Headscale starts with every node offline and tells the first comers so: they
 * drop the routes of the others until those have come too (measured: 8.7 s without pod traffic). So all nodes look at the same
 * instants, and come back in the same one, which is why there is no jitter here.
 */
export async function rejoinTogether(
  probe: (signal: AbortSignal) => Promise<void>,
  comeBack: () => Promise<void>,
  signal: AbortSignal,
  now: () => number = Date.now,
): Promise<void> {
  for (;;) {
    await delay(tickMs - (now() % tickMs), undefined, { signal });
    const answers = await probe(AbortSignal.any([signal, AbortSignal.timeout(probeMs)])).then(
      () => true,
      () => false,
    );
    if (answers) break;
  }
  await comeBack();
}
