import { describe, expect, test } from "vitest";
import { createActor, fromPromise } from "xstate";
import type { GuardEvent } from "../../machines/guard/guard-events.ts";
import type { HeadscaleEvent } from "../../machines/headscale/headscale-jobs.ts";
import type { StatusChanged, TailnetFact } from "../../machines/tailnet/tailnet-events.ts";
import type { FoundTailscaled, TailscaledInput } from "../../machines/tailscaled/tailscaled-machine.ts";
import { tailscaledMachine } from "../../machines/tailscaled/tailscaled-machine.ts";
import { WireError } from "../../src/adapters/wire/wire-error.ts";
import { manualClock } from "../support/manual-clock.ts";
import { recorder } from "../support/recorder.ts";
import { stateValue, wanted } from "../support/tailnet-desk.ts";
import { until } from "../support/until.ts";
import { walkAllTransitions } from "../support/walk-all-transitions.ts";

const found: FoundTailscaled = { pid: 42, startTime: "1000", attended: true };
const gone = new WireError("headcni-wire is gone", { code: "WIRE_GONE", pid: 1 });
const silent = new WireError("its tailscaled does not answer", { code: "TAILSCALED_AWAY" });

type Told = GuardEvent | StatusChanged | TailnetFact;

function inputOf(told: ReturnType<typeof recorder<Told>>): TailscaledInput {
  return {
    wanted,
    authKeyFrom: "credentials",
    headscale: recorder<HeadscaleEvent>().ref,
    health: told.ref,
    guard: told.ref,
    routes: told.ref,
  };
}

test("every transition of the tailscaled machine can be taken", async () => {
  await walkAllTransitions(tailscaledMachine, {
    input: inputOf(recorder<Told>()),
    events: [
      { type: "session.settled" },
      { type: "credentials.replaced" },
      { type: "tailnetNamespace.held" },
    ],
    outcomes: { seek: { done: [found], error: [gone] }, enter: { done: ["9 900"] } },
    stateKey: ({ context }) => [context.missed, context.namespace, Math.min(context.failures, 1)],
  });
});

/** The machine over a headcni-wire that runs `wire.runs`, or does not for that reason. */
function start(runs: FoundTailscaled | Error) {
  const parent = recorder<Told>();
  const clock = manualClock();
  const wire = { runs, namespace: "9 900" };
  const sessions: { readonly process: unknown; readonly arrival: string }[] = [];
  const actor = createActor(
    tailscaledMachine.provide({
      actors: {
        seek: fromPromise<FoundTailscaled, void>(async () => {
          if (wire.runs instanceof Error) throw wire.runs;
          return wire.runs;
        }),
        enter: fromPromise<string, void>(async () => wire.namespace),
        tailnet: fromPromise(
          ({ input, self }: { input: { process: unknown; arrival: string }; self: { id: string } }) => {
            sessions.push({ process: input.process, arrival: input.arrival });
            return new Promise((resolve) => ends.set(self.id, () => resolve(undefined)));
          },
        ) as never,
      },
    }),
    { input: inputOf(parent), clock },
  );
  const ends = new Map<string, () => void>();
  actor.start();
  const at = (state: string) => until(() => actor.getSnapshot().matches(stateValue(state) as never), state);
  const die = () => ends.get("tailnet")?.();
  const attends = async () => {
    await at("awaitingGuard");
    actor.send({ type: "tailnetNamespace.held" });
    await at("attending");
  };
  return { actor, clock, wire, sessions, at, attends, die, parent, told: () => parent.types() };
}

describe("tailscaled", () => {
  test("enters the namespace of a wire that runs and begins a session once the guard holds it", async () => {
    const { at, actor, told, sessions } = start(found);
    await at("awaitingGuard");
    expect(told()).toEqual(["tailnetNamespace.opened"]);
    expect(sessions).toEqual([]);
    actor.send({ type: "tailnetNamespace.held" });
    await at("attending");
    expect(sessions).toEqual([{ process: { pid: 42, startTime: "1000" }, arrival: "adopted" }]);
  });

  test("begins without a guard that does not hold the namespace in time", async () => {
    const { at, clock, sessions } = start(found);
    await at("awaitingGuard");
    clock.fire(5000);
    await at("attending");
    expect(sessions).toHaveLength(1);
  });

  test("tells the guard of another X, and of the same X once it was told that it is gone", async () => {
    const { attends, at, clock, die, wire, told } = start(found);
    const opened = () => told().filter((type) => type === "tailnetNamespace.opened").length;
    await attends();
    die();
    await at("away.backingOff");
    clock.fire(clock.running()[0] ?? 0);
    await at("attending");
    expect(opened()).toBe(1);
    wire.namespace = "10 1000";
    die();
    await at("away.backingOff");
    clock.fire(clock.running()[0] ?? 0);
    await attends();
    expect(opened()).toBe(2);
    wire.runs = gone;
    die();
    await at("away.backingOff");
    clock.fire(clock.running()[0] ?? 0);
    await at("away.missing");
    wire.runs = found;
    clock.fire(200);
    await attends();
    expect(opened()).toBe(3);
  });

  test("waits for a wire that is not there, and tells each reason once", async () => {
    const { actor, at, attends, told, parent, clock, wire, sessions } = start(gone);
    await at("away.missing");
    expect(told()).toEqual(["tailscale.down", "tailnetNamespace.closed"]);
    clock.fire(200);
    await at("away.pausing");
    expect(told()).toHaveLength(2);
    wire.runs = silent;
    clock.fire(200);
    await at("away.missing");
    // With headcni-wire alive its namespace stands.
    expect(parent.events.slice(2)).toEqual([{ type: "tailscale.down", reason: "TAILSCALED_AWAY" }]);
    wire.runs = { ...found, attended: false };
    clock.fire(200);
    await attends();
    expect(sessions).toEqual([{ process: { pid: 42, startTime: "1000" }, arrival: "restarted" }]);
    expect(actor.getSnapshot().context.failure).toBeNull();
  });

  test("the end of a session takes back what it told, and another tailscaled gets one of its own", async () => {
    const { at, actor, attends, die, wire, clock, parent, sessions } = start(found);
    await attends();
    actor.send({ type: "session.settled" });
    await at("attending.steady");
    die();
    await at("away.backingOff");
    expect(parent.events.slice(1)).toMatchObject([
      { type: "tailscale.down", reason: "EXITED" },
      { type: "tailnet.changed", status: { backendState: "NoState" } },
    ]);
    const [first = Number.NaN] = clock.running();
    expect(first).toBeLessThanOrEqual(100);
    wire.runs = { pid: 77, startTime: "3000", attended: false };
    clock.fire(first);
    await at("attending.settling");
    expect(sessions[1]).toEqual({ process: { pid: 77, startTime: "3000" }, arrival: "restarted" });
    // One that ends before it knew where it stands waits longer.
    die();
    await at("away.backingOff");
    clock.fire(clock.running()[0] ?? 0);
    await at("attending.settling");
    die();
    await at("away.backingOff");
    expect(clock.running()[0]).toBeGreaterThan(first);
  });
});
