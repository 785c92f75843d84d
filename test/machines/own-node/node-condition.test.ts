import { describe, expect, it } from "vitest";
import { createActor, fromPromise } from "xstate";
import {
  type NodeConditionEvent,
  nodeConditionMachine,
} from "../../../machines/own-node/node-condition-machine.ts";
import type { NetworkCondition } from "../../../src/domain/kubernetes/kubernetes-objects.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { until } from "../../support/until.ts";

const good: NetworkCondition = { status: "False", reason: "HeadcniServes", message: "fine" };
const bad: NetworkCondition = { status: "True", reason: "TailnetDown", message: "no peer" };
const wanted = (condition: NetworkCondition): NodeConditionEvent => ({ type: "condition.wanted", condition });
const seen = (network: NetworkCondition | null | "absent"): NodeConditionEvent => ({
  type: "condition.seen",
  network,
});

function start(fail: readonly Error[] = []) {
  const failures = [...fail];
  const set: NetworkCondition[] = [];
  const clock = manualClock();
  const actor = createActor(
    nodeConditionMachine.provide({
      actors: {
        setCondition: fromPromise<NetworkCondition, { readonly condition: NetworkCondition }>(
          async ({ input }) => {
            const failure = failures.shift();
            if (failure !== undefined) throw failure;
            set.push(input.condition);
            return input.condition;
          },
        ),
      },
    }),
    { input: { seed: "n1" }, clock },
  ).start();
  return {
    set,
    clock,
    send: (event: NodeConditionEvent) => actor.send(event),
    state: () => actor.getSnapshot().value,
  };
}

describe("the Node's condition", () => {
  it("takes every transition", async () => {
    await walkAllTransitions(nodeConditionMachine, {
      input: { seed: "n1" },
      events: [wanted(good), wanted(bad), seen(null), seen(good), seen(bad), seen("absent")],
      outcomes: { setCondition: { done: [good, bad] } },
      stateKey: ({ context }) => [context.wanted?.status, context.seen],
    });
  });

  it("sets what is good at once, also where the Node has no such condition", async () => {
    const { set, send, state } = start();
    send(seen(null));
    send(wanted(good));
    await until(() => state() === "resting", "set");
    expect(set).toEqual([good]);
  });

  it("says what is bad only when it lasts", async () => {
    const { set, send, clock, state } = start();
    send(seen(good));
    send(wanted(good));
    send(wanted(bad));
    expect(state()).toBe("doubting");
    send(wanted(good));
    expect(state()).toBe("resting");
    send(wanted(bad));
    clock.fire(15_000);
    await until(() => state() === "resting", "set");
    expect(set).toEqual([bad]);
  });

  it("puts back what somebody else changed, and nothing when all is as it should be", async () => {
    const { set, send, state } = start();
    send(seen(good));
    send(wanted(good));
    expect(state()).toBe("resting");
    send(seen({ ...good, status: "True", reason: "NoRouteCreated" }));
    await until(() => state() === "resting", "set");
    expect(set).toEqual([good]);
  });

  it("asks nothing of the API server while there is no Node", () => {
    const { set, send, state } = start();
    send(wanted(good));
    expect(state()).toBe("resting");
    expect(set).toEqual([]);
  });

  it("tries again after a refusal, with what is true then", async () => {
    const { set, send, clock, state } = start([new Error("away")]);
    send(seen(bad));
    send(wanted(good));
    await until(() => state() === "backingOff", "refused");
    const newer = { ...good, message: "finer" };
    send(wanted(newer));
    clock.fire(clock.running()[0] ?? 0);
    await until(() => state() === "resting", "set");
    expect(set).toEqual([newer]);
  });
});
