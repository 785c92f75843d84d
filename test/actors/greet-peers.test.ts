import { expect, test, vi } from "vitest";
import { greetPeers } from "../../src/actors/tailnet/greet-peers.ts";

const forEver = new AbortController().signal;
const answer = { latencyMs: 1, direct: true };

test("a peer gets a ping that finds the path and then one through WireGuard, after the time to settle", async () => {
  const pings: { readonly kind: string; readonly at: number }[] = [];
  const note = (kind: string) => async () => {
    pings.push({ kind, at: performance.now() });
    return answer;
  };
  const tailnet = { discoPing: note("disco"), tunnelPing: note("tunnel") };
  await greetPeers(tailnet, { addresses: ["100.64.0.2"], settleMs: 100 }, forEver);
  const [disco, tunnel] = pings;
  expect([disco?.kind, tunnel?.kind]).toEqual(["disco", "tunnel"]);
  expect((tunnel?.at ?? 0) - (disco?.at ?? 0)).toBeGreaterThan(90);
});

test("without a time to settle a session is opened though no disco ping is answered", async () => {
  let sessions = 0;
  const tunnelPing = async () => {
    sessions += 1;
    return answer;
  };
  const tailnet = { discoPing: async () => undefined, tunnelPing };
  await greetPeers(tailnet, { addresses: ["100.64.0.2"], settleMs: 0 }, forEver);
  expect(sessions).toBe(1);
});

test("many peers are greeted at once, but never more than 32", async () => {
  let busy = 0;
  let most = 0;
  const greeted = new Set<string>();
  const ping = async (address: string) => {
    busy += 1;
    most = Math.max(most, busy);
    await new Promise(setImmediate);
    busy -= 1;
    greeted.add(address);
    return answer;
  };
  const addresses = Array.from({ length: 500 }, (_, index) => `100.64.1.${index}`);
  await greetPeers({ discoPing: ping, tunnelPing: ping }, { addresses, settleMs: 1 }, forEver);
  expect(greeted.size).toBe(500);
  expect(most).toBe(32);
});

test("a peer whose first answers are lost is pinged again", async () => {
  let pings = 0;
  const discoPing = async () => {
    pings += 1;
    return pings < 3 ? undefined : answer;
  };
  const tailnet = { discoPing, tunnelPing: async () => answer };
  await greetPeers(tailnet, { addresses: ["100.64.0.2"], settleMs: 1 }, forEver);
  expect(pings).toBe(3);
});

test("no handshake is tried with a peer that no path leads to, and it is given up", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    const tunnelPing = vi.fn(async () => answer);
    const discoPing = vi.fn(async () => {
      // Each attempt takes as long as it may.
      vi.advanceTimersByTime(2000);
      throw new Error("gone");
    });
    await greetPeers({ discoPing, tunnelPing }, { addresses: ["100.64.0.2"], settleMs: 1 }, forEver);
    expect(discoPing).toHaveBeenCalledTimes(12);
    expect(tunnelPing).not.toHaveBeenCalled();
  } finally {
    vi.useRealTimers();
  }
});
