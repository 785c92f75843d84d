import { describe, expect, it } from "vitest";
import { ownRouteMachine } from "../../../machines/route/own-route-machine.ts";
import { unknownRoute } from "../../../machines/route/own-route-setup.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import type { OwnRouteFacts } from "../../../src/domain/tailnet/route-facts.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";

const prefix = "10.244.1.0/24";
const ready: OwnRouteFacts = {
  ...unknownRoute,
  ready: true,
  fresh: true,
  nodeId: "7",
  witnesses: ["10.244.2.1"],
};
const served: OwnRouteFacts = { ...ready, served: true };
/** Control is away, and was there since tailscaled started. */
const uncontrolled: OwnRouteFacts = { ...served, ready: false };
const moved = (state: string) => ({ to: "parent", type: "ownRoute.moved", slot: "own-0", state });
const prove = { start: "prove", input: { source: "10.244.1.1", witnesses: ["10.244.2.1"] } };
const refresh = { start: "refresh" };
const ask = {
  to: "headscale",
  type: "approval.wanted",
  nodeId: "7",
  prefixes: [prefix],
  replyTo: "<ownRoute>",
};
const waits = {
  approval: (attempt: number) => backoffDelay(attempt, { firstMs: 1_000, maxMs: 60_000 }, prefix),
  refresh: (attempt: number) => backoffDelay(attempt, { firstMs: 30_000, maxMs: 300_000 }, prefix),
  service: (round: number) => backoffDelay(round, { firstMs: 10_000, maxMs: 300_000 }, prefix),
  proof: (attempt: number) => backoffDelay(attempt, { firstMs: 250, maxMs: 4_000 }, prefix),
};
const failure = { code: "UNREACHABLE", message: "away" };

function started(approval: "policy" | "api" = "policy") {
  const [headscale, parent] = [recipient("headscale"), recipient("parent")];
  const route = drive(ownRouteMachine, { prefix, slot: "own-0", approval, headscale, parent });
  const first = route.start();
  return { ...route, first, see: (facts: OwnRouteFacts) => route.send({ type: "ownRoute.observed", facts }) };
}

function proving() {
  const route = started();
  route.see(served);
  return route;
}

function serving() {
  const route = proving();
  route.done("prove", true);
  return route;
}

describe("an own route", () => {
  it("is announced, approved, served and proven, and each step is told", () => {
    const { first, see, done, at } = started();
    expect(first).toEqual([moved("announcing")]);
    expect(see({ ...ready, ready: false, fresh: false })).toEqual([]);
    expect(see(ready)).toEqual([moved("awaitingApproval")]);
    expect(at()).toEqual({ awaitingApproval: "pending" });
    expect(see(served)).toEqual([prove, moved("awaitingService")]);
    expect(done("prove", true)).toEqual([moved("serving")]);
    expect(at()).toEqual({ serving: "resting" });
  });

  it("needs a netmap of this tailscaled's life to be approved or served", () => {
    const { see, at } = started();
    see({ ...served, fresh: false, ready: false });
    expect(at()).toBe("announcing");
    see(ready);
    see({ ...ready, ready: false, fresh: false });
    expect(at()).toBe("announcing");
    expect(see(served)).toEqual([prove, moved("awaitingService")]);
    expect(see({ ...served, ready: false, fresh: false })).toEqual([{ stop: "prove" }, moved("announcing")]);
    expect(at()).toBe("announcing");
  });

  it("has Headscale tell anew while nothing approves it, ever more rarely", () => {
    const { see, fire, done, fail, timers, at, context } = started();
    see(ready);
    for (let attempt = 0; attempt < 6; attempt += 1) {
      expect(timers()).toEqual([waits.refresh(attempt)]);
      expect(fire(waits.refresh(attempt))).toEqual([refresh]);
      if (attempt % 2 === 0) expect(fail("refresh", broken)).toEqual([counted()]);
      else done("refresh");
      expect(at()).toEqual({ awaitingApproval: "pending" });
      expect(context().failure).toEqual(attempt % 2 === 0 ? brokenFailure : null);
    }
    see({ ...ready, ready: false, fresh: false });
    see(ready);
    expect(timers()).toEqual([waits.refresh(0)]);
  });
});

describe("the approval by the API", () => {
  it("is asked for, and the route continues with what Headscale serves", () => {
    const { see, send, at } = started("api");
    expect(see(ready)).toEqual([moved("awaitingApproval"), ask]);
    expect(at()).toEqual({ awaitingApproval: "asking" });
    expect(send({ type: "approval.granted", serving: ["10.244.9.0/24"] })).toEqual([
      moved("awaitingService"),
    ]);
    expect(at()).toEqual({ awaitingService: "pending" });
  });

  it("is told to all but this node, so it asks to be told anew", () => {
    const { see, send, done, fail, at, context } = started("api");
    see(ready);
    expect(send({ type: "approval.granted", serving: [prefix] })).toEqual([
      refresh,
      moved("awaitingService"),
    ]);
    expect(fail("refresh", broken)).toEqual([counted()]);
    expect(at()).toEqual({ awaitingService: "pending" });
    expect(context().failure).toEqual(brokenFailure);
    expect(see(served)).toEqual([prove]);
    done("prove", true);
    expect(context().failure).toBeNull();
  });

  it("is asked for again, ever more rarely, when it is refused", () => {
    const { see, send, fire, timers, at, context } = started("api");
    see(ready);
    for (let attempt = 0; attempt < 8; attempt += 1) {
      expect(send({ type: "approval.failed", failure })).toEqual([counted(failure)]);
      expect(at()).toEqual({ awaitingApproval: "backingOff" });
      expect(timers()).toEqual([waits.approval(attempt)]);
      expect(fire(waits.approval(attempt))).toEqual([ask]);
    }
    expect(context()).toMatchObject({ failure, attempt: 8 });
    send({ type: "approval.granted", serving: [] });
    expect(context()).toMatchObject({ failure: null, attempt: 0 });
  });
});

describe("the service", () => {
  it("is awaited ever longer, and then the approval is looked at again", () => {
    const { see, fire, timers, context } = started();
    see(ready);
    for (let round = 0; round < 7; round += 1) {
      see(served);
      see(ready);
      // A proof under way is over with what it would prove.
      expect(timers()).toEqual([waits.service(round)]);
      expect(fire(waits.service(round))).toEqual([moved("awaitingApproval")]);
    }
    expect(context().rounds).toBe(7);
  });

  it("is proven again ever more rarely while no peer answers", () => {
    const { done, fail, fire, timers, at, context } = proving();
    for (let attempt = 0; attempt < 6; attempt += 1) {
      if (attempt % 2 === 0) expect(fail("prove", broken)).toEqual([counted()]);
      else expect(done("prove", false)).toEqual([]);
      expect(at()).toEqual({ awaitingService: "backingOff" });
      expect(timers()).toEqual([waits.proof(attempt)]);
      expect(fire(waits.proof(attempt))).toEqual([prove]);
    }
    expect(done("prove", true)).toEqual([moved("serving")]);
    expect(context()).toMatchObject({ attempt: 0, rounds: 0, failure: null });
  });

  it("is not proven once it is gone, though control does not say so", () => {
    const { see, done, fire, at } = proving();
    done("prove", false);
    see({ ...uncontrolled, served: false });
    expect(fire(waits.proof(0))).toEqual([]);
    expect(at()).toEqual({ awaitingService: "pending" });
  });

  it("waits its first time again after a proof", () => {
    const { see, done, fire, timers } = proving();
    see(ready);
    fire(waits.service(0));
    see(served);
    done("prove", true);
    see(ready);
    fire(5_000);
    see(served);
    see(ready);
    expect(timers()).toEqual([waits.service(0)]);
  });
});

describe("a route that serves", () => {
  it("is proven again each minute", () => {
    const { fire, done, fail, timers, at, context } = serving();
    expect(timers()).toEqual([60_000]);
    expect(fire(60_000)).toEqual([prove]);
    expect(fail("prove", broken)).toEqual([counted()]);
    expect(at()).toEqual({ serving: "resting" });
    expect(context().failure).toEqual(brokenFailure);
    fire(60_000);
    expect(done("prove", true)).toEqual([]);
    expect(at()).toEqual({ serving: "resting" });
    expect(context().failure).toBeNull();
    fire(60_000);
    expect(done("prove", false)).toEqual([refresh, moved("awaitingService")]);
    expect(at()).toEqual({ awaitingService: "refreshing" });
  });

  it("is not proven while control is away or no peer is there to answer", () => {
    const { see, fire, timers, at } = serving();
    for (const facts of [uncontrolled, { ...served, witnesses: [] }]) {
      expect(see(facts)).toEqual([]);
      expect(fire(60_000)).toEqual([]);
      expect(at()).toEqual({ serving: "resting" });
      expect(timers()).toEqual([60_000]);
    }
  });

  it("is lost only when Headscale says so or another tailscaled runs, and served again at its word", () => {
    const { see, done, at, timers } = serving();
    expect(see({ ...uncontrolled, served: false })).toEqual([]);
    expect(see(ready)).toEqual([moved("lost")]);
    expect(timers()).toEqual([5_000]);
    expect(see(served)).toEqual([prove, moved("awaitingService")]);
    done("prove", true);
    expect(see({ ...served, ready: false, fresh: false })).toEqual([moved("lost")]);
    expect(at()).toBe("lost");
  });

  it("is to be approved anew when it stays lost for 5 s", () => {
    const { see, fire } = serving();
    see(ready);
    expect(fire(5_000)).toEqual([moved("awaitingApproval")]);
  });
});
