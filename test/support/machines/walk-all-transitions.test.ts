import { describe, expect, test } from "vitest";
import { assign, setup } from "xstate";
import { notProvided } from "../../../machines/support/not-provided.ts";
import { walkAllTransitions } from "./walk-all-transitions.ts";

/** A door that opens with an effect, may fail twice, and closes by itself. */
const doorMachine = setup({
  types: {
    context: {} as { tries: number },
    events: {} as { type: "door.open" } | { type: "door.paint" } | { type: "door.weld" },
  },
  actors: { unlock: notProvided<string, void>("unlock") },
  actions: { count: assign({ tries: ({ context }) => context.tries + 1 }) },
  guards: { tired: ({ context }) => context.tries >= 2, impossible: ({ context }) => context.tries > 100 },
  delays: { patience: 5_000, rest: ({ context }) => context.tries * 1_000 },
}).createMachine({
  id: "door",
  context: { tries: 0 },
  initial: "shut",
  states: {
    shut: { on: { "door.open": "unlocking" } },
    unlocking: {
      entry: "count",
      invoke: {
        src: "unlock",
        onDone: "open",
        onError: [{ guard: "tired", target: "stuck" }, { target: "resting" }],
      },
    },
    resting: { after: { rest: "shut" } },
    open: { on: { "door.paint": { actions: "count" } }, after: { patience: "shut" } },
    stuck: { always: "scrap" },
    scrap: { type: "final" },
  },
});

const events = [{ type: "door.open" }, { type: "door.paint" }] as const;
const stateKey = (snapshot: { context: { tries: number } }) => Math.min(snapshot.context.tries, 2);

describe("walkAllTransitions", () => {
  test("walks effects, timers, guards, self-transitions and always", async () => {
    const { states } = await walkAllTransitions(doorMachine, { input: undefined, events, stateKey });
    expect(states).toBeGreaterThanOrEqual(6);
  });

  test("names a transition that nothing takes", async () => {
    const machine = setup({
      types: { events: {} as { type: "door.open" } | { type: "door.weld" } },
      guards: { never: () => false },
    }).createMachine({
      id: "door",
      initial: "shut",
      states: {
        shut: { on: { "door.open": {}, "door.weld": { guard: "never", target: "welded" } } },
        welded: {},
      },
    });
    await expect(
      walkAllTransitions(machine, {
        input: undefined,
        events: [{ type: "door.open" }, { type: "door.weld" }],
      }),
    ).rejects.toThrow("door.shut on door.weld [never] -> door.welded");
  });

  test.each([
    { forgets: "when it succeeds", names: undefined },
    { forgets: "soon after", names: undefined },
    { forgets: "on an event", names: '"REFUSED: no" stays after xstate.done.actor' },
    { forgets: "never", names: '"REFUSED: no" stays for ever' },
  ])("asks that a failure is forgotten once its job succeeds: $forgets", async ({ forgets, names }) => {
    const forgetting = (when: string) => (when === forgets ? ("forgetFailure" as const) : []);
    const machine = setup({
      types: {
        context: {} as { failure: { code: string; message: string } | null },
        events: {} as { type: "worker.praised" },
      },
      actors: { work: notProvided<void, void>("work") },
      actions: {
        keepFailure: assign({ failure: { code: "REFUSED", message: "no" } }),
        forgetFailure: assign({ failure: null }),
      },
      delays: { rest: 1_000 },
    }).createMachine({
      id: "worker",
      context: { failure: null },
      initial: "working",
      on: { "worker.praised": { actions: forgetting("on an event") } },
      states: {
        working: {
          invoke: {
            src: "work",
            onDone: { target: "resting", actions: forgetting("when it succeeds") },
            onError: { target: "resting", actions: "keepFailure" },
          },
        },
        resting: { after: { rest: { target: "working", actions: forgetting("soon after") } } },
      },
    });
    const options = { input: undefined, events: [{ type: "worker.praised" }] as const };
    const walk = walkAllTransitions(machine, options);
    await (names === undefined ? walk : expect(walk).rejects.toThrow(names));
    await walkAllTransitions(machine, { ...options, keepsFailures: "for this test" });
  });

  test("names an always that nothing takes", async () => {
    const machine = setup({ guards: { never: () => false } }).createMachine({
      id: "door",
      initial: "shut",
      states: { shut: { always: { guard: "never", target: "welded" } }, welded: {} },
    });
    await expect(walkAllTransitions(machine, { input: undefined, events: [] })).rejects.toThrow(
      "door.shut on always [never] -> door.welded",
    );
  });
});
