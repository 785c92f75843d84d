import { describe, expect, test } from "vitest";
import { createActor, fromCallback, fromPromise } from "xstate";
import { type LaunchCommand, type WireEvent, wireMachine } from "../../machines/wire/wire-machine.ts";
import { manualClock } from "../support/manual-clock.ts";
import { until } from "../support/until.ts";
import { walkAllTransitions } from "../support/walk-all-transitions.ts";

const process = { pid: 42, startTime: "1000" };
const failure = { code: "EXITED", message: "tailscaled ended by SIGKILL" };

test("every transition of the wire machine can be taken", async () => {
  await walkAllTransitions(wireMachine, {
    input: { seed: "n1" },
    events: [
      { type: "tailscaled.answered", process },
      { type: "tailscaled.ended", failure },
      { type: "wire.stop" },
    ],
    stateKey: ({ context }) => [context.process, Math.min(context.failures, 2)],
  });
});

/** The machine over a tailscaled that does what the test says. */
function start() {
  const world = { prepared: 0, launched: 0, told: [] as string[], published: [] as unknown[], retracted: 0 };
  const clock = manualClock();
  let say: (event: WireEvent) => void = () => undefined;
  const actor = createActor(
    wireMachine.provide({
      actors: {
        prepare: fromPromise<void, void>(async () => {
          world.prepared += 1;
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
    { input: { seed: "n1" }, clock },
  );
  actor.start();
  const at = (state: string) => {
    const [outer = "", inner] = state.split(".");
    return until(
      () => actor.getSnapshot().matches((inner === undefined ? outer : { [outer]: inner }) as never),
      state,
    );
  };
  return { actor, world, clock, at, say: (event: WireEvent) => say(event) };
}

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
    clock.fire(30_000);
    await at("serving.steady");
    say({ type: "tailscaled.ended", failure });
    await at("backingOff");
    expect(clock.running()[0]).toBeLessThanOrEqual(waits[0] ?? 0);
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
