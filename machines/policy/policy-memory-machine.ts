import { assign, enqueueActions, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import { emptyPolicyLedger, memoryOf, type PolicyMemory } from "../../src/domain/policy/policy-ledger.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";

/** What the API server says now, as a whole. */
export type PolicyMemoryEvent = { readonly type: "memory.wanted"; readonly memory: PolicyMemory };

interface PolicyMemoryInput {
  readonly seed: string;
}

interface PolicyMemoryContext extends PolicyMemoryInput {
  /** Null until it is known. */
  readonly wanted: PolicyMemory | null;
  /** What was written in this life. */
  readonly written: PolicyMemory | null;
  /** Writes that failed in a row. */
  readonly attempt: number;
  readonly failure: Failure | null;
}

const limits = { gathering: 5_000, writing: 5_000 };
const retry = { firstMs: 1_000, maxMs: 60_000 };

/** Keeps policies, namespaces and pods in the state directory: what a start without the API server goes by. */
export const policyMemoryMachine = setup({
  types: {} as MachineTypes & {
    input: PolicyMemoryInput;
    context: PolicyMemoryContext;
    events: PolicyMemoryEvent;
  },
  actors: {
    /** Gives back what it wrote. */
    remember: notProvided<PolicyMemory, { readonly memory: PolicyMemory }>("policyMemory.remember"),
  },
  actions: {
    keepWanted: assign({ wanted: (_, memory: PolicyMemory) => memory }),
    keepWritten: assign({ written: (_, memory: PolicyMemory) => memory, attempt: 0, failure: null }),
    countFailure: assign({ attempt: ({ context }) => context.attempt + 1 }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
  },
  guards: {
    differs: ({ context: { wanted, written } }) => wanted !== written,
  },
  delays: {
    ...limits,
    retry: ({ context }) => backoffDelay(context.attempt - 1, retry, context.seed),
  },
}).createMachine({
  id: "policyMemory",
  context: ({ input }) => ({ ...input, wanted: null, written: null, attempt: 0, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "kept",
  on: { "memory.wanted": { actions: { type: "keepWanted", params: ({ event }) => event.memory } } },
  states: {
    kept: {
      meta: mayLast("the state directory says what the API server said last"),
      always: { guard: "differs", target: "gathering" },
    },
    gathering: {
      meta: stuckAfter(limits.gathering, "what changes is written down a little later"),
      after: { gathering: "writing" },
    },
    writing: {
      meta: stuckAfter(limits.writing, "the state directory takes no writes"),
      invoke: {
        src: "remember",
        input: ({ context: { wanted } }) => ({ memory: wanted ?? memoryOf(emptyPolicyLedger) }),
        onDone: { target: "kept", actions: { type: "keepWritten", params: ({ event }) => event.output } },
        onError: { target: "backingOff", actions: [keepError, "countFailure"] },
      },
    },
    backingOff: {
      meta: stuckAfter(
        retry.maxMs,
        "the state directory takes no writes: a start without the API server goes by older policies",
        "warn",
      ),
      after: { retry: "writing" },
    },
  },
});
