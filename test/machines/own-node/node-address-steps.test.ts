import { describe, expect, it } from "vitest";
import {
  type NodeAddressEvent,
  nodeAddressMachine,
} from "../../../machines/own-node/node-address-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import type { NodeAddressing } from "../../../src/domain/kubernetes/node-address.ts";
import { broken, brokenFailure, counted, drive } from "../../support/machines/drive.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const hostname = { type: "Hostname", address: "n1" };
const having = (address: string, more: Partial<NodeAddressing> = {}): NodeAddressing => ({
  addresses: [{ type: "InternalIP", address }, hostname],
  ...{ replaced: null, annotated: true, uninitializedAt: -1 },
  ...more,
});
const before = having("192.0.2.7");
const after = having("10.244.1.1", { replaced: "192.0.2.7" });
const overwritten = having("192.0.2.7", { replaced: "192.0.2.7" });
const tainted = { uninitializedAt: 1 };
const known = (node: NodeAddressing | null, more: Partial<NodeAddressEvent> = {}): NodeAddressEvent => ({
  ...{ type: "address.known", node, routers: ["10.244.1.1"], reachable: true },
  ...more,
});
const written = ({ addresses, replaced }: NodeAddressing) => ({ addresses, replaced });
const publish = (seen: NodeAddressing) => ({ start: "write", input: { seen, wanted: written(after) } });
const withdraw = { start: "write", input: { seen: after, wanted: written(before) } };
const initialize = { start: "initialize", input: { place: 1 } };
const wait = (attempt: number) => backoffDelay(attempt, { firstMs: 500, maxMs: 60_000 }, "n1");
const yields = (time: number) => backoffDelay(time, { firstMs: 10_000, maxMs: 3_600_000 }, "n1");
const input = { seed: "n1", publishes: true, supernets: ["10.244.0.0/16"] };

function started(publishes: boolean, ...events: NodeAddressEvent[]) {
  const address = drive(nodeAddressMachine, { ...input, publishes });
  address.start();
  for (const event of events) address.send(event);
  return address;
}

/** Others have just written over it. */
function overruled() {
  return started(true, known(after), known(overwritten));
}

describe("a Node's address in the tailnet", () => {
  it("is published once the node has one, others reach it, and there is a Node", () => {
    const { send, done, at } = started(true);
    expect(at()).toBe("awaitingNetwork");
    for (const none of [{ reachable: false }, { routers: [] }]) expect(send(known(before, none))).toEqual([]);
    expect(send(known(null))).toEqual([]);
    expect(send(known(before))).toEqual([publish(before)]);
    expect(at()).toEqual({ changing: "publishing" });
    expect(done("write")).toEqual([]);
    expect(at()).toEqual({ changing: "confirming" });
    expect(send(known(after))).toEqual([]);
    expect(at()).toEqual({ published: "young" });
  });

  it("counts as published when the watch shows it, not what came before it", () => {
    const { send, done, fire, timers, at } = started(true, known(before));
    done("write");
    expect(send(known({ ...before, uninitializedAt: 0 }))).toEqual([]);
    expect(at()).toEqual({ changing: "confirming" });
    expect(timers()).toEqual([5_000]);
    expect(fire(5_000)).toEqual([publish({ ...before, uninitializedAt: 0 })]);
    send(known(after));
    expect(at()).toEqual({ changing: "publishing" });
    done("write");
    expect(at()).toEqual({ published: "young" });
  });

  it("has the taint taken away after that, and later ones, too", () => {
    const { send, done, at } = started(true, known({ ...before, ...tainted }));
    done("write");
    expect(send(known({ ...after, ...tainted }))).toEqual([initialize]);
    expect(at()).toEqual({ changing: "initializing" });
    expect(done("initialize")).toEqual([]);
    send(known(after));
    expect(at()).toEqual({ published: "young" });
    expect(send(known({ ...after, ...tainted }))).toEqual([initialize]);
  });

  it("that an earlier life published stays, also while nobody is reached", () => {
    const { at, send } = started(true, known(after, { reachable: false }));
    expect(at()).toEqual({ published: "young" });
    expect(send(known(null, { reachable: false }))).toEqual([]);
    expect(at()).toBe("awaitingNetwork");
    expect(send(known(after, { reachable: false }))).toEqual([]);
    expect(at()).toEqual({ published: "young" });
  });

  it("is published on a Node that was made anew", () => {
    const { send } = started(true, known(after));
    expect(send(known(before))).toEqual([publish(before)]);
  });

  it("yields to others who write their own, and comes back ever more rarely", () => {
    const { send, fire, done, timers, at } = overruled();
    for (let time = 0; time < 12; time += 1) {
      expect(at()).toBe("overruled");
      expect(timers()).toEqual([yields(time)]);
      expect(fire(yields(time))).toEqual([publish(overwritten)]);
      done("write");
      send(known(overwritten));
      expect(at()).toEqual({ changing: "confirming" });
      send(known(after));
      expect(at()).toEqual({ published: "young" });
      send(known(overwritten));
    }
  });

  it("that stood for ten minutes has others' earlier writing forgotten", () => {
    const { send, fire, done, timers, at } = overruled();
    fire(yields(0));
    done("write");
    send(known(after));
    expect(timers()).toEqual([600_000]);
    expect(fire(600_000)).toEqual([]);
    expect(at()).toEqual({ published: "steady" });
    send(known(overwritten));
    expect(timers()).toEqual([yields(0)]);
  });

  it("is there again when others put it back, and waits when the Node goes", () => {
    const back = overruled();
    back.send(known(after));
    expect(back.at()).toEqual({ published: "young" });
    const gone = overruled();
    gone.send(known(null));
    expect(gone.at()).toBe("awaitingNetwork");
  });

  it("is tried ever more slowly while it is refused, and at its first success nothing of that is left", () => {
    const { fail, fire, done, timers, at, context } = started(true, known(before));
    for (let attempt = 0; attempt < 9; attempt += 1) {
      expect(fail("write", broken)).toEqual([counted()]);
      expect(at()).toEqual({ changing: "backingOff" });
      expect(timers()).toEqual([wait(attempt)]);
      expect(fire(wait(attempt))).toEqual([publish(before)]);
    }
    expect(context().failure).toEqual(brokenFailure);
    done("write");
    expect(context()).toMatchObject({ failure: null, attempt: 0 });
  });

  it("is not tried again once the Node has it, nor once others wrote over it", () => {
    for (const [node, state] of [
      [after, { published: "young" }],
      [overwritten, "overruled"],
    ] as const) {
      const { send, fail, fire, at } = started(true, known(before));
      fail("write", broken);
      send(known(node));
      expect(fire(wait(0))).toEqual([]);
      expect(at()).toEqual(state);
    }
  });

  it.each([
    ["write", known(before), publish(before)],
    ["initialize", known({ ...after, ...tainted }), initialize],
  ])("is given up after 12 s without an answer, and tried again: %s", (actor, event, again) => {
    const { fire, timers } = started(true, event);
    expect(timers()).toEqual([12_000]);
    expect(fire(12_000)).toEqual([
      { stop: actor },
      counted({ code: "TIMEOUT", message: "the API server did not answer in time" }),
    ]);
    expect(fire(wait(0))).toEqual([again]);
  });

  it("is taken back where it is not wanted any more, and nothing else is done there", () => {
    const { send, done, fail, fire, at } = started(false);
    expect(at()).toBe("off");
    expect(send(known({ ...before, ...tainted }))).toEqual([]);
    expect(send(known(after))).toEqual([withdraw]);
    expect(at()).toEqual({ changing: "withdrawing" });
    fail("write", broken);
    expect(fire(wait(0))).toEqual([withdraw]);
    expect(done("write")).toEqual([]);
    expect(send(known(before))).toEqual([]);
    expect(at()).toBe("off");
  });

  it("takes every transition of its machine", async () => {
    await walkAllTransitions(nodeAddressMachine, {
      input,
      moreInputs: [{ ...input, publishes: false }],
      events: [
        known(null),
        known(before),
        known(after),
        known(overwritten),
        known({ ...after, ...tainted }),
        known(before, { reachable: false }),
      ],
      outcomes: { write: { done: [undefined] }, initialize: { done: [undefined] } },
      stateKey: ({ context }) => [
        context.publishes,
        context.node,
        context.reachable,
        context.from,
        Math.min(context.attempt, 1),
      ],
    });
  });
});
