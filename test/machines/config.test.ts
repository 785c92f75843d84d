import { describe, expect, test } from "vitest";
import { createActor, fromCallback, fromPromise } from "xstate";
import type { ConfigEvent, ConfigReport } from "../../machines/config/config-machine.ts";
import { configMachine } from "../../machines/config/config-machine.ts";
import type { ConfigReview } from "../../src/domain/config-change.ts";
import { manualClock } from "../support/manual-clock.ts";
import { recorder } from "../support/recorder.ts";
import { until } from "../support/until.ts";
import { walkAllTransitions } from "../support/walk-all-transitions.ts";

const nothing: ConfigReview = { changes: [], refused: [], problems: [] };
const change = { path: "logging.level", from: '"info"', to: '"debug"' };
const refused = { path: "network.mtu", from: "1280", to: "1400", because: "pods keep their MTU" };
const problem = { path: "network.mtu", source: "config.yaml:3:4", found: '"x"', wanted: "must be a number" };

test("every transition of the config machine can be taken", async () => {
  await walkAllTransitions(configMachine, {
    input: { parent: recorder<ConfigReport>().ref },
    events: [
      { type: "config.touched" },
      { type: "config.unwatched", failure: { code: "ENOSPC", message: "" } },
    ],
    outcomes: {
      review: {
        done: [
          nothing,
          { ...nothing, changes: [change] },
          { changes: [change], refused: [refused], problems: [] },
          { ...nothing, problems: [problem] },
        ],
      },
    },
    stateKey: ({ context }) => ({ touched: context.touched, review: context.review }),
  });
});

/** A config machine whose reviews give `reviews` in turn, the last one again and again. */
function start(reviews: readonly ConfigReview[], adopt: () => Promise<void> = async () => undefined) {
  const parent = recorder<ConfigReport>();
  const counts = { reviews: 0, adopted: 0, watches: 0 };
  let tell: (event: ConfigEvent) => void = () => undefined;
  const clock = manualClock();
  const machine = configMachine.provide({
    actors: {
      watch: fromCallback<ConfigEvent, undefined>(({ sendBack }) => {
        counts.watches += 1;
        tell = sendBack;
      }),
      review: fromPromise<ConfigReview, void>(async () => {
        counts.reviews += 1;
        return reviews[Math.min(counts.reviews, reviews.length) - 1] ?? nothing;
      }),
      adopt: fromPromise<void, void>(async () => {
        counts.adopted += 1;
        await adopt();
      }),
    },
  });
  const actor = createActor(machine, { input: { parent: parent.ref }, clock }).start();
  const at = (state: string) =>
    until(
      () =>
        actor
          .getSnapshot()
          .matches(state.includes(".") ? { following: state.slice(10) as never } : (state as never)),
      state,
    );
  return { actor, parent, counts, clock, at, tell: (event: ConfigEvent) => tell(event) };
}

describe("the config machine", () => {
  test("looks once at its start, for what changed before anybody watched", async () => {
    const { at, parent, counts } = start([{ ...nothing, changes: [change] }]);
    await at("following.watching");
    expect(parent.events).toEqual([{ type: "config.changed", changes: [change] }]);
    expect(counts).toEqual({ reviews: 1, adopted: 1, watches: 1 });
  });

  test("applies what may change and stays in refused, visibly, for the rest", async () => {
    const { at, parent, actor } = start([{ changes: [change], refused: [refused], problems: [] }]);
    await at("following.refused");
    expect(parent.events).toEqual([{ type: "config.changed", changes: [change] }]);
    expect(actor.getSnapshot().context.review.refused).toEqual([refused]);
  });

  test("changes nothing for an invalid file, and recovers once it is right", async () => {
    const { at, parent, counts, tell, actor } = start([{ ...nothing, problems: [problem] }, nothing]);
    await at("following.refused");
    expect(actor.getSnapshot().context.review.problems).toEqual([problem]);
    expect(parent.events).toEqual([]);
    expect(counts.adopted).toBe(0);
    tell({ type: "config.touched" });
    await at("following.watching");
  });

  test("reads again when the file was touched while its last version was applied", async () => {
    let finish: () => void = () => undefined;
    const { at, counts, tell } = start(
      [{ ...nothing, changes: [change] }, nothing],
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    await at("following.applying");
    tell({ type: "config.touched" });
    finish();
    await at("following.watching");
    expect(counts).toMatchObject({ reviews: 2, adopted: 1 });
  });

  test("watches and reads again some time after the watch was lost", async () => {
    const { at, counts, clock, tell } = start([nothing]);
    await at("following.watching");
    tell({ type: "config.unwatched", failure: { code: "UNEXPECTED", message: "ENOSPC" } });
    await at("backingOff");
    clock.fire(10_000);
    await at("following.watching");
    expect(counts).toMatchObject({ reviews: 2, watches: 2 });
  });
});
