import { expect, test, vi } from "vitest";
import { greetPeers } from "../../src/actors/greet-peers.ts";

const forEver = new AbortController().signal;

test("many peers are pinged at once, but never more than 32, and the end is told once", async () => {
  let busy = 0;
  let most = 0;
  const pinged = new Set<string>();
  const idle = vi.fn();
  const greet = greetPeers(
    async (address) => {
      busy += 1;
      most = Math.max(most, busy);
      await new Promise(setImmediate);
      busy -= 1;
      pinged.add(address);
      return { latencyMs: 1 };
    },
    idle,
    forEver,
  );
  greet(Array.from({ length: 500 }, (_, index) => `100.64.1.${index}`));
  await vi.waitFor(() => expect(idle).toHaveBeenCalledTimes(1));
  expect(pinged.size).toBe(500);
  expect(most).toBe(32);
});

test("a peer whose first answers are lost is pinged again", async () => {
  let pings = 0;
  const idle = vi.fn();
  const greet = greetPeers(
    async () => {
      pings += 1;
      return pings < 3 ? undefined : { latencyMs: 1 };
    },
    idle,
    forEver,
  );
  greet(["100.64.0.2"]);
  await vi.waitFor(() => expect(idle).toHaveBeenCalledTimes(1));
  expect(pings).toBe(3);
});

test("a peer that never answers is given up, also when pings fail", async () => {
  let pings = 0;
  const idle = vi.fn();
  const greet = greetPeers(
    async () => {
      pings += 1;
      throw new Error("gone");
    },
    idle,
    forEver,
  );
  greet(["100.64.0.2"]);
  await vi.waitFor(() => expect(idle).toHaveBeenCalledTimes(1));
  expect(pings).toBe(10);
});
