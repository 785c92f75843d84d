import { expect, test } from "vitest";
import { rejoinTogether } from "../../src/actors/rejoin-together.ts";

/** A node whose clock starts at `startAt` and is slept forward; resolves with the time at which it came back. */
async function comesBackAt(startAt: number, headscaleBackAt: number): Promise<number> {
  let now = startAt;
  let cameBack = 0;
  await rejoinTogether(
    async () => {
      if (now < headscaleBackAt) throw new Error("away");
    },
    async () => {
      cameBack = now;
    },
    new AbortController().signal,
    {
      now: () => now,
      sleep: async (ms) => {
        now += ms;
      },
    },
  );
  return cameBack;
}

test("nodes that lost Headscale at different moments come back to it at the same instant", async () => {
  const headscaleBackAt = 1_000_007_300;
  const times = await Promise.all(
    [1_000_000_123, 1_000_000_900, 1_000_004_356, 1_000_007_299].map((startAt) =>
      comesBackAt(startAt, headscaleBackAt),
    ),
  );
  // The first look after its return is at the next whole second, the way back half a second later.
  expect(times).toEqual([1_000_008_500, 1_000_008_500, 1_000_008_500, 1_000_008_500]);
});
