import { assign, enqueueActions, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import { stuckAfter } from "../support/state-limit.ts";

export interface RejoinInput {
  readonly hostname: string;
}

interface RejoinContext extends RejoinInput {
  /** The node's wall clock in ms, when it was read last. */
  readonly clockMs: number;
  /** Times that Headscale was asked in vain. */
  readonly attempt: number;
  readonly failure: Failure | null;
}

/** Nodes look for Headscale at whole multiples of `tick` on their clocks; it must answer within `probe`, the moment to come back in. */
const limits = { clock: 1000, tick: 1000, probe: 500, ask: 12_000 };
const pause = { firstMs: 5000, maxMs: 60_000 };

/**
 * Waits until Headscale answers, then asks it to take this node back, until the parent sees that it did. Left to itself
 * tailscaled comes back within half a minute, each node at its own moment; but Headscale starts with every node offline and
 * tells the first comers so: they drop the routes of the others until those have come too (measured: 8.7 s without pod traffic).
 * So all nodes look at the same instants, and come back in the same one, which is why there is no jitter here.
 */
export const rejoinMachine = setup({
  types: {} as MachineTypes & { input: RejoinInput; context: RejoinContext },
  actors: {
    readClock: notProvided<number, void>("tailnet.readClock"),
    /** Resolves with the clock at its end once Headscale has answered; fails when it does not in `limitMs`. */
    probe: notProvided<number, { readonly limitMs: number }>("tailnet.probe"),
    /** Asks Headscale again with the key there is, which leaves the data plane as it is. */
    recheck: notProvided<void, void>("tailnet.recheck"),
  },
  actions: {
    keepClock: assign((_, clockMs: number) => ({ clockMs })),
    noteAnswer: assign((_, clockMs: number) => ({ clockMs, failure: null })),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
  },
  delays: {
    untilTick: ({ context }) => untilPhase(context.clockMs, 0),
    untilMoment: ({ context }) => untilPhase(context.clockMs, limits.probe),
    pause: ({ context }) => backoffDelay(context.attempt, pause, context.hostname),
  },
}).createMachine({
  id: "rejoin",
  context: ({ input }) => ({ ...input, clockMs: 0, attempt: 0, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "readingClock",
  states: {
    readingClock: {
      meta: stuckAfter(limits.clock, "this process is stuck"),
      invoke: {
        src: "readClock",
        onDone: {
          target: "awaitingTick",
          actions: { type: "keepClock", params: ({ event }) => event.output },
        },
        onError: { target: "backingOff", actions: keepError },
      },
    },
    awaitingTick: {
      meta: stuckAfter(limits.tick, "waits for the moment at which all nodes probe Headscale"),
      after: { untilTick: "probing" },
    },
    probing: {
      meta: stuckAfter(limits.tick, "the probe of Headscale does not end"),
      invoke: {
        src: "probe",
        input: { limitMs: limits.probe },
        onDone: { target: "aligning", actions: { type: "noteAnswer", params: ({ event }) => event.output } },
        onError: { target: "readingClock", actions: keepError },
      },
    },
    aligning: {
      meta: stuckAfter(limits.tick, "waits for the moment at which all nodes reconnect"),
      after: { untilMoment: "asking" },
    },
    asking: {
      meta: stuckAfter(limits.ask, "tailscaled does not answer on its socket"),
      invoke: {
        src: "recheck",
        onDone: { target: "backingOff", actions: "countAttempt" },
        onError: { target: "backingOff", actions: ["countAttempt", keepError] },
      },
    },
    backingOff: {
      meta: stuckAfter(pause.maxMs, "Headscale answers, but tailscaled does not reconnect to it"),
      after: { pause: "readingClock" },
    },
  },
});

/** Until the clock is `phaseMs` past a tick. */
function untilPhase(nowMs: number, phaseMs: number): number {
  return limits.tick - ((nowMs - phaseMs) % limits.tick);
}
