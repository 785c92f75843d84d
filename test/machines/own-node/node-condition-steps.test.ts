import { describe, expect, it } from "vitest";
import {
  type NodeConditionEvent,
  nodeConditionMachine,
} from "../../../machines/own-node/node-condition-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import type { NetworkCondition } from "../../../src/domain/kubernetes/kubernetes-objects.ts";
import { broken, brokenFailure, counted, drive } from "../../support/machines/drive.ts";

const good: NetworkCondition = { status: "False", reason: "HeadcniServes", message: "well" };
const bad: NetworkCondition = { status: "True", reason: "TailnetDown", message: "down" };
const wanted = (condition: NetworkCondition): NodeConditionEvent => ({ type: "condition.wanted", condition });
const seen = (network: NetworkCondition | null | "absent"): NodeConditionEvent => ({
  type: "condition.seen",
  network,
});
const set = (condition: NetworkCondition) => ({ start: "setCondition", input: { condition } });
const wait = (attempt: number) => backoffDelay(attempt, { firstMs: 1_000, maxMs: 300_000 }, "n1");

function started(...events: NodeConditionEvent[]) {
  const condition = drive(nodeConditionMachine, { seed: "n1" });
  condition.start();
  for (const event of events) condition.send(event);
  return condition;
}

describe("the Node's condition", () => {
  it("is left alone before there is a Node, and before anything is to be said", () => {
    expect(started(seen(null)).at()).toBe("resting");
    expect(started(wanted(good)).at()).toBe("resting");
    expect(started(wanted(good), seen("absent")).at()).toBe("resting");
  });

  it("is set at once when it is good, and what was set counts as seen", () => {
    const { send, done, at } = started(wanted(good));
    expect(send(seen(null))).toEqual([set(good)]);
    expect(done("setCondition", good)).toEqual([]);
    expect(at()).toBe("resting");
  });

  it.each([
    ["status", { ...good, status: "True" as const }],
    ["reason", { ...good, reason: "Other" }],
    ["message", { ...good, message: "other" }],
  ])("is put back when somebody changes its %s", (_, network) => {
    const { send, at } = started(wanted(good), seen(good));
    expect(at()).toBe("resting");
    expect(send(seen(network))).toEqual([set(good)]);
  });

  it("is set when it is bad only after 15 s", () => {
    const { send, fire, timers, at } = started(wanted(good), seen(good));
    expect(send(wanted(bad))).toEqual([]);
    expect(at()).toBe("doubting");
    expect(timers()).toEqual([15_000]);
    expect(send(wanted(good))).toEqual([]);
    expect(at()).toBe("resting");
    send(wanted(bad));
    expect(fire(15_000)).toEqual([set(bad)]);
  });

  it("is set at once when bad news turns into other good news", () => {
    const { send } = started(wanted(good), seen(good), wanted(bad));
    const better = { ...good, message: "better" };
    expect(send(wanted(better))).toEqual([set(better)]);
  });

  it("is tried again ever more rarely, and soon again after it was taken", () => {
    const { send, done, fail, fire, timers, at, context } = started(wanted(good), seen(null));
    const late = { code: "TIMEOUT", message: "the API server did not answer in time" };
    expect(timers()).toEqual([12_000]);
    expect(fire(12_000)).toEqual([{ stop: "setCondition" }, counted(late)]);
    for (let attempt = 0; attempt < 11; attempt += 1) {
      expect(at()).toBe("backingOff");
      expect(timers()).toEqual([wait(attempt)]);
      expect(fire(wait(attempt))).toEqual([set(good)]);
      expect(fail("setCondition", broken)).toEqual([counted()]);
    }
    expect(context().failure).toEqual(brokenFailure);
    fire(wait(11));
    done("setCondition", good);
    expect(context()).toMatchObject({ failure: null, attempt: 0 });
    send(seen(null));
    fail("setCondition", broken);
    expect(timers()).toEqual([wait(0)]);
  });
});
