import { assign, enqueueActions, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import { type Failure, toFailure } from "../../src/domain/failure.ts";
import { keep } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvidedSource } from "../support/not-provided.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";

export interface ResolverInput {
  /** Nameservers of the node that answer on its loopback only. */
  readonly addresses: readonly string[];
  readonly seed: string;
}

/** From the headcni-resolver that runs: it is gone, or never came. */
export type ResolverEvent = { readonly type: "resolver.ended"; readonly failure: Failure };

interface ResolverContext extends ResolverInput {
  readonly failures: number;
  readonly failure: Failure | null;
}

const limits = { steady: 20_000 };
const restart = { firstMs: 1000, maxMs: 30_000 };

/** Keeps headcni-resolver running, through which tailscaled asks nameservers on the node's loopback. */
export const wireResolverMachine = setup({
  types: {} as MachineTypes & { input: ResolverInput; context: ResolverContext; events: ResolverEvent },
  actors: {
    /** Runs one headcni-resolver from its start to its end. */
    run: notProvidedSource<ResolverEvent, { readonly addresses: readonly string[] }>("wireResolver.run"),
  },
  actions: {
    countFailure: enqueueActions(({ context, enqueue }, failure: Failure) => {
      keep(enqueue, failure);
      enqueue.assign({ failures: context.failures + 1 });
    }),
    forgetFailures: assign({ failures: 0, failure: null }),
  },
  delays: { ...limits, restart: ({ context }) => backoffDelay(context.failures - 1, restart, context.seed) },
}).createMachine({
  id: "wireResolver",
  context: ({ input }) => ({ ...input, failures: 0, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "running",
  states: {
    running: {
      invoke: {
        src: "run",
        input: ({ context: { addresses } }) => ({ addresses }),
        onError: {
          target: "backingOff",
          actions: { type: "countFailure", params: ({ event }) => toFailure(event.error) },
        },
      },
      on: {
        "resolver.ended": {
          target: "backingOff",
          actions: { type: "countFailure", params: ({ event }) => event.failure },
        },
      },
      initial: "young",
      states: {
        young: {
          meta: stuckAfter(limits.steady, "headcni-resolver started recently"),
          after: { steady: "steady" },
        },
        steady: {
          entry: "forgetFailures",
          meta: mayLast("headcni-resolver runs"),
        },
      },
    },
    backingOff: {
      meta: stuckAfter(
        restart.maxMs,
        "headcni-resolver does not stay up: tailscaled resolves no names",
        "warn",
      ),
      after: { restart: "running" },
    },
  },
});
