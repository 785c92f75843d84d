import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { GreeterEvent } from "../../../machines/tailnet/tailnet-events.ts";
import type { Tailnet } from "../../ports/tailnet.ts";

/** Peers greeted at once. */
const width = 32;
/** Waits for an answer, in ms, attempt by attempt: the first pings after a start are often lost, and relays are far. */
const patienceMs: readonly number[] = [150, 200, 200, 200, 300, 500, 1000, 1000, 1000, 1000, 1000, 1000];

/** Pings until there is an answer (anything but undefined) and returns that, or undefined after `attempts` of growing patience. */
export async function pingPatiently<Answer>(
  ping: (signal: AbortSignal) => Promise<Answer | undefined>,
  signal: AbortSignal,
  attempts: number = patienceMs.length,
): Promise<Answer | undefined> {
  for (const limitMs of patienceMs.slice(0, attempts)) {
    const startedAt = performance.now();
    const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
    const answer = await ping(limit).catch(() => undefined);
    if (answer !== undefined || signal.aborted) return answer;
    // A ping that fails at once must not use up the attempts in no time.
    await delay(Math.max(0, limitMs - (performance.now() - startedAt)), undefined, { signal }).catch(
      () => undefined,
    );
  }
  return undefined;
}

/**
 * Opens paths and sessions to peers, many at once; resolves when each has answered or was given up. The disco ping finds the path to a
 * peer, the ping through WireGuard then makes this side open the session at once. Not before: a handshake without a path, or
 * towards a peer that has none back (a disco ping is answered on the path it came), is repeated only after 5 s (WireGuard's
 * REKEY_TIMEOUT), by either side. Without a time to settle both go at once: a peer that knows this node from before a restart
 * refuses its disco pings until it hears of the new disco key, takes a handshake at the old address at once, and would by
 * itself ask for a new session only after 15 s (WireGuard's KEEPALIVE_TIMEOUT + REKEY_TIMEOUT).
 */
export async function greetPeers(
  tailnet: Pick<Tailnet, "discoPing" | "tunnelPing">,
  { addresses, settleMs }: Pick<GreeterEvent, "addresses" | "settleMs">,
  signal: AbortSignal,
): Promise<void> {
  async function openBoth(address: string, limit: AbortSignal) {
    const [, session] = await Promise.all([
      tailnet.discoPing(address, limit),
      tailnet.tunnelPing(address, limit),
    ]);
    return session;
  }
  async function greet(address: string): Promise<void> {
    if (settleMs === 0) {
      await pingPatiently((limit) => openBoth(address, limit), signal);
      return;
    }
    const path = await pingPatiently((limit) => tailnet.discoPing(address, limit), signal);
    if (path === undefined) return;
    await delay(settleMs, undefined, { signal }).catch(() => undefined);
    await pingPatiently((limit) => tailnet.tunnelPing(address, limit), signal);
  }
  await Readable.from(addresses).forEach(greet, { concurrency: width, signal });
}
