import { describe, expect, test } from "vitest";
import { createActor, fromCallback, fromPromise } from "xstate";
import { type ResolverEvent, wireResolverMachine } from "../../../machines/wire/resolver-machine.ts";
import { type LaunchCommand, type WireEvent, wireMachine } from "../../../machines/wire/wire-machine.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { until } from "../../support/until.ts";

const process = { pid: 42, startTime: "1000" };
const failure = { code: "EXITED", message: "tailscaled ended by SIGKILL" };

test("every transition of the wire machine can be taken", async () => {
  await walkAllTransitions(wireMachine, {
    input: { seed: "n1", guarded: false },
    moreInputs: [{ seed: "n1", guarded: true }],
    outcomes: { prepare: { done: [[], ["127.0.0.53"]] } },
    events: [
      { type: "allowlist.inForce" },
      { type: "tailscaled.answered", process },
      { type: "tailscaled.ended", failure },
      { type: "wire.stop" },
    ],
    stateKey: ({ context }) => [context.process, Math.min(context.failures, 2)],
  });
});

/** The machine over a tailscaled that does what the test says. */
function start(nameservers: readonly string[] = []) {
  const world = {
    prepared: 0,
    launched: 0,
    told: [] as string[],
    published: [] as unknown[],
    retracted: 0,
    resolving: [] as unknown[],
  };
  const clock = manualClock();
  let say: (event: WireEvent) => void = () => undefined;
  let sayResolver: (event: ResolverEvent) => void = () => undefined;
  const actor = createActor(
    wireMachine.provide({
      actors: {
        prepare: fromPromise<readonly string[], void>(async () => {
          world.prepared += 1;
          return nameservers;
        }),
        resolver: wireResolverMachine.provide({
          actors: {
            run: fromCallback<ResolverEvent, { readonly addresses: readonly string[] }>(
              ({ input, sendBack }) => {
                world.resolving.push(input.addresses);
                sayResolver = sendBack;
                return () => world.resolving.pop();
              },
            ),
          },
        }),
        tailscaled: fromCallback<LaunchCommand, undefined>(({ sendBack, receive }) => {
          world.launched += 1;
          say = sendBack;
          receive(({ type }) => world.told.push(type));
        }),
        publish: fromPromise<void, { readonly process: typeof process | null }>(async ({ input }) => {
          world.published.push(input.process?.pid ?? null);
        }),
        retract: fromPromise<void, void>(async () => {
          world.retracted += 1;
        }),
      },
    }),
    { input: { seed: "n1", guarded: false }, clock },
  );
  actor.start();
  const at = (state: string) => {
    const [outer = "", inner] = state.split(".");
    return until(
      () => actor.getSnapshot().matches((inner === undefined ? outer : { [outer]: inner }) as never),
      state,
    );
  };
  return {
    actor,
    world,
    clock,
    at,
    say: (event: WireEvent) => say(event),
    sayResolver: (event: ResolverEvent) => sayResolver(event),
  };
}

describe("the resolver", () => {
  const ended = { type: "resolver.ended", failure } as const;

  test("runs while headcni-wire does, where nameservers need it, and nowhere else", async () => {
    const none = start();
    await none.at("serving.starting");
    expect(none.world.resolving).toEqual([]);
    const { actor, world, at, say } = start(["127.0.0.53"]);
    await at("serving.starting");
    expect(world.resolving).toEqual([["127.0.0.53"]]);
    actor.send({ type: "wire.stop" });
    expect(world.resolving).toEqual([["127.0.0.53"]]);
    say({ type: "tailscaled.ended", failure });
    await at("stopped");
    expect(world.resolving).toEqual([]);
  });

  test("is started again ever more slowly, until it stays", async () => {
    const { actor, world, at, sayResolver, clock } = start(["127.0.0.53"]);
    await at("serving.starting");
    const state = () => actor.getSnapshot().children.resolver?.getSnapshot().value;
    const waits: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      sayResolver(ended);
      expect(state()).toBe("backingOff");
      const [delayMs = 0] = clock.running();
      waits.push(delayMs);
      clock.fire(delayMs);
      expect(state()).toEqual({ running: "young" });
    }
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(world.resolving).toHaveLength(1);
    clock.fire(20_000);
    expect(state()).toEqual({ running: "steady" });
    sayResolver(ended);
    expect(clock.running()[0]).toBe(waits[0]);
  });

  test("every transition of its machine can be taken", async () => {
    await walkAllTransitions(wireResolverMachine, {
      input: { addresses: ["127.0.0.53"], seed: "n1" },
      events: [ended],
      stateKey: ({ context }) => [Math.min(context.failures, 2)],
    });
  });
});

describe("wire", () => {
  test("tells the daemon of its namespace at once, and of tailscaled when it answers", async () => {
    const { world, at, say } = start();
    await at("serving.starting");
    expect(world.published).toEqual([null]);
    say({ type: "tailscaled.answered", process });
    await at("serving.young");
    expect(world.published).toEqual([null, 42]);
  });

  test("starts tailscaled again in the same namespace, ever more slowly, until it stays", async () => {
    const { world, at, say, clock } = start();
    const waits: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      await at("serving.starting");
      say({ type: "tailscaled.ended", failure });
      await at("backingOff");
      const [delayMs = 0] = clock.running();
      waits.push(delayMs);
      clock.fire(delayMs);
    }
    expect(world.prepared).toBe(1);
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(-1)).toBeGreaterThan(2 * (waits[0] ?? 0));
    say({ type: "tailscaled.answered", process });
    await at("serving.young");
    say({ type: "tailscaled.ended", failure });
    await at("backingOff");
    const [slowest = 0] = clock.running();
    expect(slowest).toBeGreaterThan(waits.at(-1) ?? 0);
    clock.fire(slowest);
    // One that answered for a second and is then killed is no failed start.
    await at("serving.starting");
    say({ type: "tailscaled.answered", process });
    await at("serving.young");
    clock.fire(1_000);
    say({ type: "tailscaled.ended", failure });
    await at("backingOff");
    expect(clock.running()[0]).toBeLessThanOrEqual(waits[0] ?? 0);
  });

  test("calls a tailscaled steady that has stayed up for a while", async () => {
    const { at, say, clock } = start();
    await at("serving.starting");
    say({ type: "tailscaled.answered", process });
    await at("serving.young");
    clock.fire(20_000);
    await at("serving.steady");
  });

  test("ends tailscaled first and takes its word back last", async () => {
    const { actor, world, at, say } = start();
    await at("serving.starting");
    actor.send({ type: "wire.stop" });
    await at("serving.ending");
    expect(world).toMatchObject({ told: ["tailscaled.end"], retracted: 0 });
    say({ type: "tailscaled.ended", failure });
    await at("stopped");
    expect(world.retracted).toBe(1);
  });
});
