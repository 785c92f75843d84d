import { assign, enqueueActions, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";

/** Flows of before may be forbidden by what is in force now. */
export type PolicyFlowsEvent = { readonly type: "flows.narrowed" };

interface PolicyFlowsContext {
  readonly narrowed: boolean;
  /** Flows that were ended so far. */
  readonly ended: number;
  readonly failure: Failure | null;
}

/** `rateLimited`: between two looks at all flows. */
const limits = { ending: 15_000, rateLimited: 1_000 };

/** Ends the flows that policies forbid now: once what opens them is refused, they would not open again. */
export const policyFlowsMachine = setup({
  types: {} as MachineTypes & { context: PolicyFlowsContext; events: PolicyFlowsEvent },
  actors: {
    /** Gives how many it ended. */
    endForbidden: notProvided<number, void>("policyFlows.endForbidden"),
  },
  actions: {
    note: assign({ narrowed: true }),
    begin: assign({ narrowed: false }),
    countEnded: assign(({ context }, count: number) => ({ ended: context.ended + count, failure: null })),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
  },
  guards: { isNarrowed: ({ context }) => context.narrowed },
  delays: limits,
}).createMachine({
  id: "policyFlows",
  context: { narrowed: false, ended: 0, failure: null },
  options: { maxIterations: 1_000 },
  initial: "settled",
  on: { "flows.narrowed": { actions: "note" } },
  states: {
    settled: {
      meta: mayLast("no flow is open that policies forbid"),
      always: { guard: "isNarrowed", target: "ending" },
    },
    ending: {
      meta: stuckAfter(limits.ending, "the kernel does not list or end flows"),
      entry: "begin",
      invoke: {
        src: "endForbidden",
        onDone: {
          target: "rateLimited",
          actions: { type: "countEnded", params: ({ event }) => event.output },
        },
        onError: { target: "backingOff", actions: [keepError, "note"] },
      },
    },
    rateLimited: {
      meta: stuckAfter(limits.rateLimited, "flows were looked through a moment ago"),
      after: { rateLimited: "settled" },
    },
    backingOff: {
      meta: stuckAfter(
        limits.rateLimited,
        "the kernel does not list or end flows: those of before go on",
        "error",
      ),
      after: { rateLimited: "settled" },
    },
  },
});
