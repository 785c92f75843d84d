import { describe, expect, test } from "vitest";
import { createActor } from "xstate";
import { cleanupMachine } from "../../../machines/cleanup/cleanup-machine.ts";
import { leftLines } from "../../../src/domain/cleanup-report.ts";
import { type CleanupEffect, cleanupEffects, cleanupOrder } from "../../support/cleanup-effects.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { until } from "../../support/until.ts";

test("every transition of the cleanup machine can be taken", async () => {
  await walkAllTransitions(cleanupMachine, {
    input: { onlyWithdraws: false, owners: false },
    moreInputs: [
      { onlyWithdraws: true, owners: false },
      { onlyWithdraws: false, owners: true },
    ],
    events: [],
    outcomes: {
      restore: { done: [true, false] },
      withdraw: { done: [["10.244.1.0/24"], null] },
      detach: { done: [3] },
      end: { done: [true, false] },
    },
    stateKey: ({ context }) => [
      context.prefixes,
      context.ended,
      context.owners,
      context.report.some(({ failure }: { failure?: unknown }) => failure !== undefined),
      context.report.some(({ step }: { step: string }) => step === "owner"),
    ],
  });
});

type World = ReturnType<typeof cleanupEffects>["world"];

/** A cleanup on this node, and what it says. */
function start(node: Partial<World> = {}, effects = cleanupEffects(), onlyWithdraws = false) {
  const { world, actors } = effects;
  Object.assign(world, { asked: [] }, node);
  const clock = manualClock();
  const actor = createActor(cleanupMachine.provide({ actors }), {
    clock,
    input: { onlyWithdraws, owners: false },
  }).start();
  const isOver = () => actor.getSnapshot().status === "done";
  return {
    world,
    effects,
    /** Lets every limit pass that it runs into, but the ones of effects that end. */
    end: async () => {
      const isStill = () =>
        actor.getSnapshot().value === "awaitingRestart" ||
        world.hang.has(world.asked.at(-1) as CleanupEffect);
      while (!isOver()) {
        await until(() => isOver() || (isStill() && clock.running().length > 0), "its end");
        world.hang.delete(world.asked.at(-1) as CleanupEffect);
        for (const limitMs of clock.running()) clock.fire(limitMs);
      }
      const { value, context, output } = actor.getSnapshot();
      return { value, said: context.report, left: output?.left ?? [] };
    },
  };
}

describe("cleanup", () => {
  test("takes all away in its order and says each step", async () => {
    const { world, end } = start();
    const { value, said, left } = await end();
    expect(value).toBe("clean");
    expect(left).toEqual([]);
    // The second look for headcni-wire finds that nothing started it again.
    const [before, after] = [cleanupOrder.slice(0, 5), cleanupOrder.slice(5)];
    expect(world.asked).toEqual([...before, "end", ...after]);
    expect(said.map(({ text }) => text)).toEqual([
      "removed the conflist and the plugin",
      "withdrew the routes: 10.244.1.0/24",
      "removed the attachments: 3",
      "ended headcni-wire and tailscaled",
      "removed rules, routes and tables, and gave the sysctls back",
      "removed the directories",
    ]);
  });

  test.each(
    cleanupOrder
      .filter((effect) => effect !== "confirm")
      .flatMap((effect) => [
        { effect, how: "fails", node: { fail: new Set([effect]) } },
        { effect, how: "does not end", node: { hang: new Set([effect]) } },
      ]),
  )("goes on where $effect $how, and done again takes the rest", async ({ effect, how, node }) => {
    const first = start(node);
    const { value, left } = await first.end();
    expect(value).toBe("incomplete");
    expect(left).toHaveLength(1);
    expect(left[0]?.failure).toMatchObject(
      how === "fails" ? { message: `${effect} failed` } : { code: "TIMED_OUT" },
    );
    // The records are what the next cleanup finds the rest by.
    expect(first.world.asked.at(-1)).toBe(effect === "removeRecords" ? effect : "removeGuard");
    expect(first.world.asked).toEqual(expect.arrayContaining(["unpublish", "detach", "end", "removeGuard"]));
    const second = start({}, first.effects);
    expect(await second.end()).toMatchObject({ value: "clean", left: [] });
    expect(second.world.asked.at(-1)).toBe("removeRecords");
  });

  test.each([
    { how: "fails", node: { fail: new Set<CleanupEffect>(["confirm"]) } },
    { how: "does not end", node: { hang: new Set<CleanupEffect>(["confirm"]) } },
  ])(
    "says that Headscale confirmed no withdrawal where that $how, which leaves nothing",
    async ({ node }) => {
      const { value, said } = await start(node).end();
      expect(value).toBe("clean");
      expect(said[1]?.text).toContain("withdrew 10.244.1.0/24, not confirmed");
    },
  );

  test("without a tailscaled nobody can be told, which is said and leaves nothing", async () => {
    const { world, end } = start({ announces: null, wireRuns: false });
    const { value, said } = await end();
    expect(value).toBe("clean");
    expect(world.asked).toEqual(cleanupOrder.filter((effect) => effect !== "confirm"));
    expect(said[1]?.text).toContain("withdrew no route");
  });

  test("asked for no more, it withdraws the routes and leaves headcni-wire and what it needs to a later one", async () => {
    const { world, effects, end } = start({}, undefined, true);
    expect(await end()).toMatchObject({ value: "paused", left: [] });
    expect(world.asked).toEqual(["unpublish", "restore", "withdraw", "confirm"]);
    expect(world.wireRuns).toBe(true);
    expect(await start({}, effects).end()).toMatchObject({ value: "clean", left: [] });
  });

  test("a headcni-wire that is started again is left, and what to do is said", async () => {
    const { value, left } = await start({ wireIsKept: true }).end();
    expect(value).toBe("incomplete");
    expect(left).toMatchObject([{ step: "tailnet", failure: { code: "STARTED_AGAIN" } }]);
    const text = leftLines(left, ["/run/headcni", "/var/lib/headcni"]).join("\n");
    expect(text).toContain("headcni-wire was ended and runs again");
    expect(text).toContain("systemctl disable --now headcni-wire");
    expect(text).toContain("run this again");
  });
});
