import { describe, expect, it } from "vitest";
import {
  type NodeIdentityEvent,
  nodeIdentityMachine,
} from "../../../machines/own-node/node-identity-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import { broken, brokenFailure, counted, drive } from "../../support/machines/drive.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const wanted = (nodeId: string): NodeIdentityEvent => ({ type: "identity.wanted", nodeId });
const seen = (nodeId: string | null): NodeIdentityEvent => ({ type: "identity.seen", nodeId });
const publish = (nodeId: string) => ({ start: "publish", input: { nodeId } });
const wait = (attempt: number) => backoffDelay(attempt, { firstMs: 500, mostMs: 60_000 }, "n1");

function started(...events: NodeIdentityEvent[]) {
  const identity = drive(nodeIdentityMachine, { seed: "n1" });
  identity.start();
  for (const event of events) identity.send(event);
  return identity;
}

describe("who this node is in the tailnet", () => {
  it.each([
    ["there is a Node", [wanted("7")]],
    ["there is a Node again", [wanted("7"), seen("7"), seen(null)]],
    ["Headscale has said it, whatever the Node says", [seen("3"), seen("")]],
  ])("is not published before %s", (_, events) => {
    expect(started(...events).at()).toBe("resting");
  });

  it("is published as soon as both are there, and what was published counts as seen", () => {
    for (const [first, second] of [
      [seen(""), wanted("7")],
      [wanted("7"), seen("")],
    ] as const) {
      const { send, done, at } = started(first);
      expect(send(second)).toEqual([publish("7")]);
      expect(done("publish", "7")).toEqual([]);
      expect(at()).toBe("resting");
    }
  });

  it("is published again when it is another, when somebody changes it, and on a Node that was made anew", () => {
    expect(started(seen("7"), wanted("7")).send(wanted("9"))).toEqual([publish("9")]);
    expect(started(seen("7"), wanted("7")).send(seen("666"))).toEqual([publish("7")]);
    expect(started(seen("7"), wanted("7"), seen(null)).send(seen(""))).toEqual([publish("7")]);
  });

  it("that changed while it was being published is published after that", () => {
    const { send, done } = started(seen(""), wanted("7"));
    expect(send(wanted("9"))).toEqual([]);
    expect(done("publish", "7")).toEqual([publish("9")]);
  });

  it("is tried ever more slowly while it is refused, and at its first success nothing of that is left", () => {
    const { fail, fire, done, timers, at, context } = started(seen(""), wanted("7"));
    for (let attempt = 0; attempt < 9; attempt += 1) {
      expect(fail("publish", broken)).toEqual([counted()]);
      expect(at()).toBe("backingOff");
      expect(timers()).toEqual([wait(attempt)]);
      expect(fire(wait(attempt))).toEqual([publish("7")]);
    }
    expect(context().failure).toEqual(brokenFailure);
    done("publish", "7");
    expect(context()).toMatchObject({ failure: null, attempt: 0 });
  });

  it("is not tried again once the Node says it", () => {
    const { send, fail, fire, at } = started(seen(""), wanted("7"));
    fail("publish", broken);
    send(seen("7"));
    expect(fire(wait(0))).toEqual([]);
    expect(at()).toBe("resting");
  });

  it("is given up after 12 s without an answer, and tried again", () => {
    const { fire, timers } = started(seen(""), wanted("7"));
    expect(timers()).toEqual([12_000]);
    expect(fire(12_000)).toEqual([
      { stop: "publish" },
      counted({ code: "TIMEOUT", message: "the API server did not answer in time" }),
    ]);
    expect(fire(wait(0))).toEqual([publish("7")]);
  });

  it("takes every transition of its machine", async () => {
    await walkAllTransitions(nodeIdentityMachine, {
      input: { seed: "n1" },
      events: [wanted("7"), wanted("9"), seen(""), seen("7"), seen(null)],
      outcomes: { publish: { done: ["7"] } },
      stateKey: ({ context }) => [context.wanted, context.seen, Math.min(context.attempt, 1)],
    });
  });
});
