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

/** `pacing`: between two looks at all flows. */
const limits = { ending: 15_000, pacing: 1_000 };

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
        onDone: { target: "pacing", actions: { type: "countEnded", params: ({ event }) => event.output } },
        onError: { target: "backingOff", actions: [keepError, "note"] },
      },
    },
    pacing: {
      meta: stuckAfter(limits.pacing, "flows were looked through a moment ago"),
      after: { pacing: "settled" },
    },
    backingOff: {
      meta: stuckAfter(
        limits.pacing,
        "the kernel does not list or end flows: those of before go on",
        "error",
      ),
      after: { pacing: "settled" },
    },
  },
});
