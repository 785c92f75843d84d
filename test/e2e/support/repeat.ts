import { setTimeout as delay } from "node:timers/promises";

/** Does something again and again, a little apart, until told to stop; that it fails may be what is wanted. */
export async function repeat(signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    await work().catch(() => undefined);
    await delay(300);
  }
}
