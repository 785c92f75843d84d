import { assign, enqueueActions, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import { type NodeBinding, sameBindings } from "../../src/domain/kubernetes/node-bindings.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";

/** What `clusterNodes` hears, at most once: what an earlier life wrote, or headcni-wire goes by until now. */
export type NodeListReport = { readonly type: "list.recalled"; readonly bindings: readonly NodeBinding[] };

/** What the list shall say. */
export type NodeListEvent = { readonly type: "list.wanted"; readonly bindings: readonly NodeBinding[] };

interface NodeListContext {
  readonly seed: string;
  readonly parent: Recipient<NodeListReport>;
  /** Null while the Nodes are not known. */
  readonly wanted: readonly NodeBinding[] | null;
  /** What the file says, as far as known. */
  readonly written: readonly NodeBinding[] | null;
  readonly attempt: number;
  readonly failure: Failure | null;
}

const limits = { recalling: 2_000, writing: 5_000, recheck: 60_000 };
const retry = { firstMs: 500, maxMs: 30_000 };

/** Keeps the list of Nodes in the state directory, by which headcni-wire lets peers in, true to the cluster. */
export const nodeListMachine = setup({
  types: {} as MachineTypes & {
    input: Pick<NodeListContext, "seed" | "parent">;
    context: NodeListContext;
    events: NodeListEvent;
  },
  actors: {
    /** Null where there is none. */
    recall: notProvided<readonly NodeBinding[] | null, void>("nodeList.recall"),
    /** Gives back what it wrote. */
    write: notProvided<readonly NodeBinding[], { readonly bindings: readonly NodeBinding[] }>(
      "nodeList.write",
    ),
  },
  actions: {
    keepWanted: assign({ wanted: (_, bindings: readonly NodeBinding[]) => bindings }),
    keepRecalled: enqueueActions(({ context, enqueue }, bindings: readonly NodeBinding[] | null) => {
      enqueue.assign({ written: bindings });
      if (bindings !== null) enqueue.sendTo(context.parent, { type: "list.recalled", bindings });
    }),
    keepWritten: assign({
      written: (_, bindings: readonly NodeBinding[]) => bindings,
      attempt: 0,
      failure: null,
    }),
    countFailure: assign({ attempt: ({ context }) => context.attempt + 1 }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
  },
  guards: {
    isKnown: ({ context: { wanted } }) => wanted !== null,
    differs: ({ context: { wanted, written } }) =>
      wanted !== null && (written === null || !sameBindings(wanted, written)),
  },
  delays: {
    ...limits,
    retry: ({ context }) => backoffDelay(context.attempt - 1, retry, context.seed),
  },
}).createMachine({
  id: "nodeList",
  context: ({ input }) => ({ ...input, wanted: null, written: null, attempt: 0, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "recalling",
  on: { "list.wanted": { actions: { type: "keepWanted", params: ({ event }) => event.bindings } } },
  states: {
    recalling: {
      meta: stuckAfter(limits.recalling, "the state directory cannot be read"),
      invoke: {
        src: "recall",
        onDone: { target: "resting", actions: { type: "keepRecalled", params: ({ event }) => event.output } },
        onError: { target: "resting", actions: keepError },
      },
      after: { recalling: "resting" },
    },
    resting: {
      meta: mayLast("the list in the state directory is current"),
      always: { guard: "differs", target: "writing" },
      // Somebody may have removed it.
      after: {
        recheck: [
          { guard: "isKnown", target: "writing" },
          { target: "resting", reenter: true },
        ],
      },
    },
    writing: {
      meta: stuckAfter(limits.writing, "the state directory is not writable"),
      invoke: {
        src: "write",
        input: ({ context: { wanted } }) => ({ bindings: wanted ?? [] }),
        onDone: { target: "resting", actions: { type: "keepWritten", params: ({ event }) => event.output } },
        onError: { target: "backingOff", actions: [keepError, "countFailure"] },
      },
    },
    backingOff: {
      meta: stuckAfter(
        retry.maxMs,
        "the list of Nodes cannot be written: headcni-wire refuses new Nodes and still accepts those that left",
        "warn",
      ),
      after: { retry: "resting" },
    },
  },
});
