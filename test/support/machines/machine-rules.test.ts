import { describe, expect, test } from "vitest";
import { createMachine, setup, stopChild } from "xstate";
import { notProvided, notProvidedSource } from "../../../machines/support/not-provided.ts";
import { brokenRules } from "./machine-rules.ts";

const forEver = { limit: "none", because: "a toy waits as long as it is let" };

describe("brokenRules", () => {
  test("accepts a machine that keeps them all", () => {
    const machine = setup({
      actors: {
        job: notProvided<void, void>("job"),
        source: notProvidedSource("source"),
        child: notProvided<void, void>("child"),
      },
      delays: { jobLimit: 2_000 },
    }).createMachine({
      id: "toy",
      initial: "working",
      invoke: { src: "source", onError: ".idle" },
      on: {
        "xstate.done.actor.*": { actions: stopChild("child") },
        "xstate.error.actor.*": { actions: stopChild("child") },
      },
      states: {
        working: {
          meta: { limit: { ms: 2_000, means: "the job hangs" } },
          invoke: { src: "job", onDone: "idle", onError: "idle" },
          after: { jobLimit: "idle" },
        },
        idle: { meta: forEver },
        passing: { always: "over" },
        over: { type: "final" },
      },
    });
    expect(brokenRules(machine)).toEqual([]);
  });

  test.each([
    { meta: undefined, says: "toy.idle waits without a limit in its meta" },
    { meta: { limit: "none" }, says: "toy.idle has no limit and does not say because" },
    { meta: { limit: { ms: 5 } }, says: "toy.idle has a limit that is not { ms, means }" },
    { meta: { limit: { ms: 0, means: "?" } }, says: "toy.idle has a limit that is not { ms, means }" },
  ])("refuses a waiting state with meta $meta", ({ meta, says }) => {
    const machine = createMachine({
      id: "toy",
      initial: "idle",
      states: { idle: { ...(meta && { meta }), on: { go: "idle" } } },
    });
    expect(brokenRules(machine)).toEqual([says]);
  });

  test("refuses a guarded always as the only way out of a state without a limit", () => {
    const machine = setup({ guards: { open: () => false } }).createMachine({
      id: "toy",
      initial: "idle",
      states: { idle: { always: { guard: "open", target: "over" } }, over: { type: "final" } },
    });
    expect(brokenRules(machine)).toEqual(["toy.idle waits without a limit in its meta"]);
  });

  test("refuses an invoke without onError, and without onDone unless it is a source", () => {
    const machine = setup({
      actors: { job: notProvided<void, void>("job"), source: notProvidedSource("source") },
    }).createMachine({
      id: "toy",
      initial: "working",
      states: { working: { meta: forEver, invoke: [{ src: "job" }, { src: "source" }] } },
    });
    expect(brokenRules(machine)).toEqual([
      'toy.working invokes "job" without onError',
      'toy.working invokes "job" without onDone',
      'toy.working invokes "source" without onError',
    ]);
  });

  test("refuses a machine that spawns and does not stop what ended", () => {
    const machine = setup({
      actors: { child: notProvided<void, void>("child") },
      actions: { note: () => undefined },
    }).createMachine({
      id: "toy",
      initial: "idle",
      on: { "xstate.done.actor.*": { actions: "note" } },
      states: { idle: { meta: forEver } },
    });
    expect(brokenRules(machine)).toEqual([
      'toy spawns child but no root "xstate.done.actor.*" stops the child',
      'toy spawns child but no root "xstate.error.actor.*" stops the child',
    ]);
  });

  test("refuses a delay that disagrees with the limit, and one without a name", () => {
    const machine = setup({ delays: { patience: 3_000 } }).createMachine({
      id: "toy",
      initial: "waiting",
      states: {
        waiting: { meta: { limit: { ms: 2_000, means: "stuck" } }, after: { patience: "resting" } },
        resting: { meta: forEver, after: { 500: "waiting" } },
      },
    });
    expect(brokenRules(machine)).toEqual([
      "toy.waiting has a limit of 2000 ms but leaves after 3000 ms",
      "toy.resting has an unnamed delay of 500 ms",
    ]);
  });
});
