import { expect, test, vi } from "vitest";
import { greetPeers } from "../../src/actors/greet-peers.ts";

const forEver = new AbortController().signal;
const answer = { latencyMs: 1, direct: true };

test("a peer gets a ping that finds the path and then one through WireGuard, after the time to settle", async () => {
  const pings: { readonly kind: string; readonly at: number }[] = [];
  const idle = vi.fn();
  const note = (kind: string) => async () => {
    pings.push({ kind, at: performance.now() });
    return answer;
  };
  greetPeers({ discoPing: note("disco"), tunnelPing: note("tunnel") }, idle, forEver)(["100.64.0.2"], 100);
  await vi.waitFor(() => expect(idle).toHaveBeenCalledTimes(1));
  const [disco, tunnel] = pings;
  expect([disco?.kind, tunnel?.kind]).toEqual(["disco", "tunnel"]);
  expect((tunnel?.at ?? 0) - (disco?.at ?? 0)).toBeGreaterThan(90);
});

test("without a time to settle a session is opened though no disco ping is answered", async () => {
  const idle = vi.fn();
  let sessions = 0;
  const tunnelPing = async () => {
    sessions += 1;
    return answer;
  };
  greetPeers({ discoPing: async () => undefined, tunnelPing }, idle, forEver)(["100.64.0.2"], 0);
  await vi.waitFor(() => expect(idle).toHaveBeenCalledTimes(1));
  expect(sessions).toBe(1);
});

test("many peers are greeted at once, but never more than 32, and the end is told once", async () => {
  let busy = 0;
  let most = 0;
  const greeted = new Set<string>();
  const idle = vi.fn();
  const ping = async (address: string) => {
    busy += 1;
    most = Math.max(most, busy);
    await new Promise(setImmediate);
    busy -= 1;
    greeted.add(address);
    return answer;
  };
  greetPeers(
    { discoPing: ping, tunnelPing: ping },
    idle,
    forEver,
  )(
    Array.from({ length: 500 }, (_, index) => `100.64.1.${index}`),
    1,
  );
  await vi.waitFor(() => expect(idle).toHaveBeenCalledTimes(1));
  expect(greeted.size).toBe(500);
  expect(most).toBe(32);
});

test("a peer whose first answers are lost is pinged again", async () => {
  let pings = 0;
  const idle = vi.fn();
  const discoPing = async () => {
    pings += 1;
    return pings < 3 ? undefined : answer;
  };
  greetPeers({ discoPing, tunnelPing: async () => answer }, idle, forEver)(["100.64.0.2"], 1);
  await vi.waitFor(() => expect(idle).toHaveBeenCalledTimes(1));
  expect(pings).toBe(3);
});

test("no handshake is tried with a peer that no path leads to, and it is given up", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    const tunnelPing = vi.fn(async () => answer);
    const idle = vi.fn();
    const discoPing = vi.fn(async () => {
      // Each attempt takes as long as it may.
      vi.advanceTimersByTime(2000);
      throw new Error("gone");
    });
    greetPeers({ discoPing, tunnelPing }, idle, forEver)(["100.64.0.2"], 1);
    await vi.waitFor(() => expect(idle).toHaveBeenCalledTimes(1));
    expect(discoPing).toHaveBeenCalledTimes(12);
    expect(tunnelPing).not.toHaveBeenCalled();
  } finally {
    vi.useRealTimers();
  }
});
