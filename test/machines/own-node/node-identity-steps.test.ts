import { describe, expect, it } from "vitest";
import {
  type NodeIdentityEvent,
  nodeIdentityMachine,
} from "../../../machines/own-node/node-identity-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import type { NodeIdentity } from "../../../src/domain/kubernetes/kubernetes-objects.ts";
import { broken, brokenFailure, counted, drive } from "../../support/machines/drive.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const says = (nodeId: string, metricsAt = ""): NodeIdentity => ({ nodeId, metricsAt });
const wanted = (...said: Parameters<typeof says>): NodeIdentityEvent => ({
  type: "identity.wanted",
  identity: says(...said),
});
const seen = (nodeId: string | null, metricsAt = ""): NodeIdentityEvent => ({
  type: "identity.seen",
  identity: nodeId === null ? null : says(nodeId, metricsAt),
});
const publish = (...said: Parameters<typeof says>) => ({ start: "publish", input: says(...said) });
const wait = (attempt: number) => backoffDelay(attempt, { firstMs: 500, maxMs: 60_000 }, "n1");

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
      expect(done("publish", says("7"))).toEqual([]);
      expect(at()).toBe("resting");
    }
  });

  it("is published again when it is another, when somebody changes it, and on a Node that was made anew", () => {
    expect(started(seen("7"), wanted("7")).send(wanted("9"))).toEqual([publish("9")]);
    expect(started(seen("7"), wanted("7")).send(seen("666"))).toEqual([publish("7")]);
    expect(started(seen("7"), wanted("7"), seen(null)).send(seen(""))).toEqual([publish("7")]);
  });

  it("says where the metrics are as well, until they are nowhere", () => {
    const at = "10.244.1.1:9797";
    expect(started(seen("7"), wanted("7")).send(wanted("7", at))).toEqual([publish("7", at)]);
    expect(started(seen("7", at), wanted("7", at)).send(seen("7"))).toEqual([publish("7", at)]);
    expect(started(wanted("7")).send(seen("7", at))).toEqual([publish("7")]);
    expect(started(wanted("7", at)).send(seen("7", at))).toEqual([]);
  });

  it("that changed while it was being published is published after that", () => {
    const { send, done } = started(seen(""), wanted("7"));
    expect(send(wanted("9"))).toEqual([]);
    expect(done("publish", says("7"))).toEqual([publish("9")]);
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
    done("publish", says("7"));
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
      outcomes: { publish: { done: [says("7")] } },
      stateKey: ({ context }) => [context.wanted, context.seen, Math.min(context.attempt, 1)],
    });
  });
});
