import { describe, expect, test } from "vitest";
import { createActor, fromPromise } from "xstate";
import type { HeadscaleEvent } from "../../../machines/headscale/headscale-jobs.ts";
import { ownRouteMachine } from "../../../machines/route/own-route-machine.ts";
import { refreshRetry } from "../../../machines/route/own-route-setup.ts";
import { peerRouteMachine } from "../../../machines/route/peer-route-machine.ts";
import type { RouteReport } from "../../../machines/route/route-events.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import type { OwnRouteFacts, PeerRouteFacts } from "../../../src/domain/tailnet/route-facts.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { until } from "../../support/until.ts";

const down: OwnRouteFacts = {
  ready: false,
  fresh: false,
  nodeId: "",
  served: false,
  takenBy: "",
  witnesses: [],
};
const ready: OwnRouteFacts = { ...down, ready: true, fresh: true, nodeId: "7" };
const served: OwnRouteFacts = { ...ready, served: true, witnesses: ["10.244.2.1"] };
const away: OwnRouteFacts = { ...served, ready: false };
const granted = { type: "approval.granted", serving: [] } as const;
const serving = { type: "approval.granted", serving: ["10.244.1.0/24"] } as const;
const failed = { type: "approval.failed", failure: { code: "REJECTED", message: "no" } } as const;
const observed = (facts: OwnRouteFacts) => ({ type: "ownRoute.observed", facts }) as const;

test("every transition of the own route machine can be taken", async () => {
  const input = {
    prefix: "10.244.1.0/24",
    slot: "own-0",
    approval: "api" as const,
    headscale: recorder<HeadscaleEvent>().ref,
    parent: recorder<RouteReport>().ref,
  };
  await walkAllTransitions(ownRouteMachine, {
    input,
    moreInputs: [{ ...input, approval: "policy" as const }],
    events: [...[down, ready, served, away].map(observed), granted, serving, failed],
    outcomes: { prove: { done: [true, false] } },
    stateKey: ({ context }) => [context.approval, context.facts, Math.min(context.attempt, 2)],
  });
});

const settled: PeerRouteFacts = {
  announced: true,
  installed: true,
  nodeId: "8",
  hostName: "n2",
  published: true,
  culprit: "",
};
const peerObserved = (facts: PeerRouteFacts) => ({ type: "peerRoute.observed", facts }) as const;

test("every transition of the peer route machine can be taken", async () => {
  await walkAllTransitions(peerRouteMachine, {
    input: {
      prefix: "10.244.2.0/24",
      facts: { ...settled, installed: false },
      wasInstalled: false,
      parent: recorder<RouteReport>().ref,
    },
    events: [
      ...[
        settled,
        { ...settled, installed: false },
        { ...settled, announced: false, installed: false },
        { ...settled, culprit: "n3" },
        { ...settled, published: false },
      ].map(peerObserved),
      { type: "peerRoute.release" },
    ],
    stateKey: ({ context }) => [context.facts, context.wasInstalled],
  });
});

/** An own route whose proofs give the answers of `proofs` in turn, the last one again and again. */
function startOwn(
  options: { readonly approval?: "policy" | "api"; readonly proofs?: readonly boolean[] } = {},
) {
  const parent = recorder<RouteReport>();
  const headscale = recorder<HeadscaleEvent>();
  const asked: { readonly source: string; readonly witnesses: readonly string[] }[] = [];
  const counts = { refreshed: 0 };
  const clock = manualClock();
  const proofs = options.proofs ?? [true];
  const actor = createActor(
    ownRouteMachine.provide({
      actors: {
        prove: fromPromise<boolean, { readonly source: string; readonly witnesses: readonly string[] }>(
          async ({ input }) => {
            asked.push(input);
            return proofs[Math.min(asked.length, proofs.length) - 1] ?? true;
          },
        ),
        refresh: fromPromise<void, void>(async () => {
          counts.refreshed += 1;
        }),
      },
    }),
    {
      input: {
        prefix: "10.244.1.0/24",
        slot: "own-0",
        approval: options.approval ?? "policy",
        headscale: headscale.ref,
        parent: parent.ref,
      },
      clock,
    },
  ).start();
  const states = () => parent.events.map((event) => event.state);
  return {
    actor,
    clock,
    asked,
    counts,
    headscale,
    states,
    observe: (facts: OwnRouteFacts) => actor.send(observed(facts)),
    reaches: (state: string) => until(() => states().at(-1) === state, state),
  };
}

describe("own route", () => {
  test("with policy approval it waits for Headscale and then proves itself with a packet from its router address", async () => {
    const { observe, reaches, states, asked, headscale } = startOwn();
    observe(ready);
    observe(served);
    await reaches("serving");
    expect(states()).toEqual(["announcing", "awaitingApproval", "awaitingService", "serving"]);
    expect(asked).toEqual([{ source: "10.244.1.1", witnesses: ["10.244.2.1"] }]);
    expect(headscale.events).toEqual([]);
  });

  test("what it does not hear of it has Headscale tell it, again and again, ever more rarely", async () => {
    const { observe, reaches, counts, clock } = startOwn();
    observe(ready);
    for (const round of [1, 2, 3, 4, 5]) {
      const pause = backoffDelay(round - 1, refreshRetry, "10.244.1.0/24");
      await until(() => clock.running().includes(pause), "the wait");
      clock.fire(pause);
      await until(() => counts.refreshed === round, "the refresh");
    }
    observe(served);
    await reaches("serving");
  });

  test("with api approval it asks for itself, once", async () => {
    const { observe, headscale, actor, states } = startOwn({ approval: "api" });
    observe(ready);
    observe({ ...ready, witnesses: ["10.244.2.1"] });
    expect(headscale.events).toMatchObject([
      { type: "approval.wanted", nodeId: "7", prefixes: ["10.244.1.0/24"] },
    ]);
    actor.send(granted);
    expect(states().at(-1)).toBe("awaitingService");
  });

  test("approved, it has forgotten why it was not at first", async () => {
    const { observe, actor, clock, reaches } = startOwn({ approval: "api" });
    observe(ready);
    actor.send(failed);
    expect(actor.getSnapshot().context.failure).toEqual(failed.failure);
    for (const delayMs of clock.running()) clock.fire(delayMs);
    actor.send(granted);
    expect(actor.getSnapshot().context.failure).toBeNull();
    observe(served);
    await reaches("serving");
    expect(actor.getSnapshot().context.failure).toBeNull();
  });

  test("approved by its own request, it has Headscale tell it so", async () => {
    const { observe, actor, counts, reaches } = startOwn({ approval: "api" });
    observe(ready);
    actor.send(serving);
    await until(() => counts.refreshed === 1, "the refresh");
    observe(served);
    await reaches("serving");
  });

  test("an approval that another node profits from is not asked for at once again, and ever more rarely", () => {
    const { observe, actor, counts, clock, headscale } = startOwn({ approval: "api" });
    observe({ ...ready, takenBy: "n9" });
    const waits: number[] = [];
    for (let round = 1; round <= 8; round += 1) {
      actor.send(granted);
      const [waitMs = 0] = clock.running();
      waits.push(waitMs);
      clock.fire(waitMs);
      expect(headscale.events.length).toBe(round + 1);
    }
    expect(waits[0]).toBeGreaterThanOrEqual(5000);
    expect(waits[7]).toBeGreaterThanOrEqual(150_000);
    expect(counts.refreshed).toBe(0);
  });

  test("while it serves, a packet a minute shows whether peers still reach it", async () => {
    const { observe, reaches, asked, clock, counts, states } = startOwn({ proofs: [true, true, false] });
    observe(served);
    await reaches("serving");
    clock.fire(60_000);
    await until(() => asked.length === 2 && clock.running().includes(60_000), "a check");
    expect(states().at(-1)).toBe("serving");
    clock.fire(60_000);
    await reaches("awaitingService");
    await until(() => counts.refreshed === 1, "the refresh");
  });

  test("a refused approval is asked for again after a wait", () => {
    const { observe, headscale, actor, clock } = startOwn({ approval: "api" });
    observe(ready);
    actor.send(failed);
    const [waitMs = 0] = clock.running();
    expect(waitMs).toBeGreaterThanOrEqual(500);
    clock.fire(waitMs);
    expect(headscale.events.length).toBe(2);
  });

  test("what Headscale says is not enough: unanswered packets keep it unproven", async () => {
    const { observe, asked, reaches, states, clock } = startOwn({ proofs: [false, true] });
    observe(served);
    await until(() => asked.length === 1 && clock.running().some((ms) => ms <= 250), "a failed proof");
    expect(states()).not.toContain("serving");
    for (const waitMs of clock.running()) clock.fire(waitMs);
    await reaches("serving");
    expect(asked.length).toBe(2);
  });

  test("a netmap from before tailscaled's start proves nothing", async () => {
    const { observe, states, asked } = startOwn();
    observe({ ...served, ready: false, fresh: false });
    await new Promise(setImmediate);
    expect(states()).toEqual(["announcing"]);
    expect(asked).toEqual([]);
  });

  test("it keeps serving while control is away", async () => {
    const { observe, reaches, states } = startOwn();
    observe(served);
    await reaches("serving");
    observe(away);
    expect(states().at(-1)).toBe("serving");
  });

  test("it is lost when Headscale lets another node serve, and asks for approval when that lasts", async () => {
    const { observe, reaches, clock, states } = startOwn();
    observe(served);
    await reaches("serving");
    observe({ ...ready, takenBy: "n9" });
    expect(states().at(-1)).toBe("lost");
    clock.fire(5000);
    expect(states().at(-1)).toBe("awaitingApproval");
    observe(served);
    await reaches("serving");
  });

  test("after a restart of tailscaled it must be proven anew", async () => {
    const { observe, reaches, asked } = startOwn();
    observe(served);
    await reaches("serving");
    observe(down);
    observe(served);
    await until(() => asked.length === 2, "the second proof");
    await reaches("serving");
  });
});

describe("peer route", () => {
  function startPeer(facts: PeerRouteFacts, wasInstalled: boolean) {
    const parent = recorder<RouteReport>();
    const clock = manualClock();
    const repaired: string[] = [];
    const failing: { error?: Error } = {};
    const machine = peerRouteMachine.provide({
      actors: {
        reinstall: fromPromise<void, { readonly prefix: string }>(async ({ input }) => {
          if (failing.error !== undefined) throw failing.error;
          repaired.push(input.prefix);
        }),
      },
    });
    const input = { prefix: "10.244.2.0/24", facts, wasInstalled, parent: parent.ref };
    const actor = createActor(machine, { input, clock }).start();
    return { actor, clock, repaired, failing, last: () => parent.events.at(-1)?.state };
  }

  test("is expected until it stands in the table", () => {
    const { actor, last } = startPeer({ ...settled, installed: false }, false);
    expect(last()).toBe("expected");
    actor.send(peerObserved(settled));
    expect(last()).toBe("installed");
  });

  test("not installed by tailscaled in ten seconds, it is put there: somebody may have deleted it before this daemon began", async () => {
    const { clock, last, repaired } = startPeer({ ...settled, installed: false }, false);
    clock.fire(10_000);
    await until(() => repaired.length === 1, "the repair");
    expect(repaired).toEqual(["10.244.2.0/24"]);
    expect(last()).toBe("lost");
  });

  test("deleted from the table under tailscaled, it is put back", async () => {
    const { clock, last, repaired } = startPeer({ ...settled, installed: false }, true);
    expect(last()).toBe("lost");
    clock.fire(500);
    await until(() => repaired.length === 1, "the repair");
    expect(repaired).toEqual(["10.244.2.0/24"]);
  });

  test("installed, it has forgotten why it could not be put back", async () => {
    const { actor, clock, failing } = startPeer({ ...settled, installed: false }, true);
    failing.error = new Error("no");
    clock.fire(500);
    await until(() => actor.getSnapshot().context.failure !== null, "the failed repair");
    actor.send(peerObserved(settled));
    expect(actor.getSnapshot().context.failure).toBeNull();
  });

  test("no longer announced, it is lost and left alone", () => {
    const { actor, clock, last } = startPeer(settled, true);
    actor.send(peerObserved({ ...settled, announced: false, installed: false }));
    expect(last()).toBe("lost");
    expect(clock.running()).toEqual([]);
  });

  test("a conflict outranks everything but absence", () => {
    const { actor, last } = startPeer(settled, true);
    actor.send(peerObserved({ ...settled, culprit: "n3" }));
    expect(last()).toBe("conflicting");
  });
});
