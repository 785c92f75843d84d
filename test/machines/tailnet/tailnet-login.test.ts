import { describe, expect, test } from "vitest";
import { createActor, fromPromise } from "xstate";
import type { HeadscaleEvent } from "../../../machines/headscale/headscale-jobs.ts";
import type { TailnetEvent, WantedTailnet } from "../../../machines/tailnet/tailnet-events.ts";
import { tailnetLoginMachine } from "../../../machines/tailnet/tailnet-login-machine.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { until } from "../../support/until.ts";

const wanted: WantedTailnet = { controlUrl: "http://hs", hostname: "n1", advertiseRoutes: [] };
const refusal = { type: "login.refused", text: "authkey expired" } as const;

test("every transition of the tailnet login machine can be taken", async () => {
  const input = {
    wanted,
    authKeyFrom: "headscale" as const,
    headscale: recorder<HeadscaleEvent>().ref,
    parent: recorder<TailnetEvent>().ref,
  };
  await walkAllTransitions(tailnetLoginMachine, {
    input,
    moreInputs: (["credentials", "owner"] as const).map((authKeyFrom) => ({ ...input, authKeyFrom })),
    events: [
      { type: "authKey.granted", authKey: "hskey-auth-x" },
      { type: "authKey.failed", failure: { code: "REJECTED", message: "" } },
      { type: "credentials.replaced" },
      refusal,
    ],
    outcomes: { hasNodeKey: { done: [true, false] } },
    stateKey: ({ context: { authKeyFrom, replaced } }) => [authKeyFrom, replaced],
    keepsFailures: "its parent stops it once a login is taken: what failed last is not over before",
  });
});

function start(
  options: { readonly hasNodeKey?: boolean | Error; readonly authKeyFrom?: "credentials" | "headscale" } = {},
) {
  const headscale = recorder<HeadscaleEvent>();
  const parent = recorder<TailnetEvent>();
  const clock = manualClock();
  const keys: (string | undefined)[] = [];
  const counts = { disconnected: 0, looks: 0 };
  const actor = createActor(
    tailnetLoginMachine.provide({
      actors: {
        hasNodeKey: fromPromise<boolean, void>(async () => {
          counts.looks += 1;
          if (options.hasNodeKey instanceof Error) throw options.hasNodeKey;
          return options.hasNodeKey ?? false;
        }),
        disconnectControl: fromPromise<void, void>(async () => {
          counts.disconnected += 1;
        }),
        login: fromPromise<void, { readonly wanted: WantedTailnet; readonly authKey?: string }>(
          async ({ input }) => {
            keys.push(input.authKey);
          },
        ),
      },
    }),
    {
      input: {
        wanted,
        authKeyFrom: options.authKeyFrom ?? "credentials",
        headscale: headscale.ref,
        parent: parent.ref,
      },
      clock,
    },
  ).start();
  const at = (state: "confirming" | "asking" | "registering" | "backingOff") =>
    until(() => actor.getSnapshot().matches(state), state);
  return { actor, clock, keys, counts, headscale, parent, at };
}

describe("tailnet login", () => {
  test("logs in at once where there is no node key", async () => {
    const { at, keys } = start();
    await at("registering");
    expect(keys).toEqual([undefined]);
  });

  test("gives up a node key only when Headscale keeps asking for a login", async () => {
    const { at, keys, clock } = start({ hasNodeKey: true });
    await at("confirming");
    expect(keys).toEqual([]);
    clock.fire(2000);
    await at("registering");
    expect(keys.length).toBe(1);
  });

  test("a refused key is tried again after seconds, then minutes, and tailscaled is kept from repeating it", async () => {
    const { at, actor, clock, keys, counts } = start();
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 8; attempt += 1) {
      await until(() => keys.length === attempt && actor.getSnapshot().matches("registering"), "a login");
      actor.send(refusal);
      await at("backingOff");
      const [waitMs = 0] = clock.running();
      waits.push(waitMs);
      clock.fire(waitMs);
    }
    expect(counts.disconnected).toBe(8);
    expect(waits[0]).toBeGreaterThanOrEqual(2500);
    expect(waits[7]).toBeGreaterThanOrEqual(150_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(300_000);
    expect(actor.getSnapshot().context.failure).toEqual({
      code: "LOGIN_REFUSED",
      message: "authkey expired",
    });
  });

  test("a registration that is neither taken nor refused is told: Headscale may be away", async () => {
    const { at, clock, counts, parent } = start();
    await at("registering");
    expect(parent.events).toEqual([]);
    clock.fire(30_000);
    expect(parent.events).toEqual([{ type: "login.unanswered" }]);
    await at("backingOff");
    expect(counts.disconnected).toBe(1);
  });

  test("another key ends the wait", async () => {
    const { at, actor, keys } = start();
    await at("registering");
    actor.send(refusal);
    await at("backingOff");
    actor.send({ type: "credentials.replaced" });
    await at("registering");
    expect(keys.length).toBe(2);
  });

  test("another key that comes while the last one is tried is tried next, as the first of its attempts", async () => {
    const { at, actor, clock, keys } = start();
    await at("registering");
    actor.send(refusal);
    await at("backingOff");
    clock.fire(clock.running()[0] ?? 0);
    await at("registering");
    actor.send({ type: "credentials.replaced" });
    actor.send(refusal);
    await until(() => keys.length === 3 && actor.getSnapshot().matches("registering"), "the third login");
    expect(actor.getSnapshot().context.attempt).toBe(0);
    actor.send(refusal);
    await at("backingOff");
    expect(keys.length).toBe(3);
  });

  test("another key that comes before a login is the one that is tried, and waits like any other", async () => {
    const { at, actor, clock, keys } = start({ hasNodeKey: true });
    await at("confirming");
    actor.send({ type: "credentials.replaced" });
    clock.fire(2000);
    await at("registering");
    actor.send(refusal);
    await at("backingOff");
    expect(keys.length).toBe(1);
  });

  test("another key does not keep a tailscaled busy that does not answer", async () => {
    const { at, actor, counts } = start({ hasNodeKey: new Error("no answer") });
    actor.send({ type: "credentials.replaced" });
    await at("backingOff");
    expect(counts.looks).toBe(2);
  });

  test("without a key of its own it asks Headscale for one, and keeps it out of its context", async () => {
    const { at, actor, keys, headscale } = start({ authKeyFrom: "headscale" });
    await at("asking");
    expect(headscale.types()).toEqual(["authKey.wanted"]);
    actor.send({ type: "authKey.granted", authKey: "hskey-auth-x" });
    await at("registering");
    expect(keys).toEqual(["hskey-auth-x"]);
    const { headscale: _, ...context } = actor.getSnapshot().context;
    expect(JSON.stringify(context)).not.toContain("hskey");
  });
});
