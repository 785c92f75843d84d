import { expect, test } from "vitest";
import { createActor, fromPromise } from "xstate";
import { rejoinMachine } from "../../../machines/tailnet/rejoin-machine.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { until } from "../../support/until.ts";

test("every transition of the rejoin machine can be taken", async () => {
  await walkAllTransitions(rejoinMachine, {
    input: { hostname: "n1" },
    events: [],
    outcomes: { readClock: { done: [1_000_000_123] }, probe: { done: [1_000_001_100] } },
    stateKey: ({ context: { clockMs, attempt } }) => [clockMs, Math.min(attempt, 1)],
  });
});

/** A node whose clock starts at `startAt` and moves with its timers; resolves with the time at which it came back. */
async function comesBackAt(startAt: number, headscaleBackAt: number): Promise<number> {
  let now = startAt;
  let cameBack = 0;
  const clock = manualClock();
  const actor = createActor(
    rejoinMachine.provide({
      actors: {
        readClock: fromPromise<number, void>(async () => now),
        probe: fromPromise<number, { readonly limitMs: number }>(async () => {
          if (now < headscaleBackAt) throw new Error("away");
          return now;
        }),
        recheck: fromPromise<void, void>(async () => {
          cameBack = now;
        }),
      },
    }),
    { input: { hostname: "n1" }, clock },
  ).start();
  while (!actor.getSnapshot().matches("backingOff")) {
    await until(
      () => clock.running().length > 0 || actor.getSnapshot().matches("backingOff"),
      "the next moment",
    );
    const [ms = 0] = clock.running();
    if (actor.getSnapshot().matches("backingOff")) break;
    now += ms;
    clock.fire(ms);
  }
  actor.stop();
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
