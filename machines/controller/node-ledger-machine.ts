import { enqueueActions, not, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import {
  changeNodes,
  emptyLedger,
  listNodes,
  type NodeLedger,
  turnLedger,
} from "../../src/domain/kubernetes/node-ledger.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { WatchedChange, WatchReport } from "../watch/watch-events.ts";
import { watchMachine } from "../watch/watch-machine.ts";
import type { LedgerReport } from "./controller-events.ts";

interface NodeLedgerInput {
  readonly seed: string;
  readonly parent: Recipient<LedgerReport>;
}

interface NodeLedgerContext extends NodeLedgerInput {
  /** Null until the list of Nodes is complete. */
  readonly ledger: NodeLedger | null;
  readonly failure: Failure | null;
}

const limits = { listing: 60_000, grace: 60_000, crashed: 5_000 };

const keepNews = {
  type: "keepLedger",
  params: ({ context, event }: { context: NodeLedgerContext; event: WatchedChange<"nodes"> }) => {
    const before = context.ledger ?? emptyLedger;
    return event.type === "watch.listed"
      ? listNodes(before, event.items)
      : changeNodes(before, event.changes);
  },
} as const;

/** The cluster's Nodes as the controller counts them: one that disappeared counts for one to two minutes more. */
export const nodeLedgerMachine = setup({
  types: {} as MachineTypes & {
    input: NodeLedgerInput;
    context: NodeLedgerContext;
    events: WatchReport<"nodes">;
    children: { watch: "watch" };
  },
  actors: { watch: watchMachine },
  actions: {
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    keepLedger: enqueueActions(({ context: { parent, ledger: before }, enqueue }, ledger: NodeLedger) => {
      enqueue.assign({ ledger, failure: null });
      if (ledger !== before) enqueue.sendTo(parent, { type: "ledger.changed", ledger });
    }),
  },
  guards: {
    isKnown: ({ context }) => context.ledger !== null,
    someMissing: ({ context }) => Object.keys(context.ledger?.missing ?? {}).length > 0,
  },
  delays: limits,
}).createMachine({
  id: "nodeLedger",
  context: ({ input }) => ({ ...input, ledger: null, failure: null }),
  options: { maxIterations: 1_000 },
  on: { "watch.lost": {}, "watch.restored": {} },
  initial: "working",
  states: {
    working: {
      invoke: {
        id: "watch",
        src: "watch",
        input: ({ context: { seed }, self }) => ({ source: "nodes" as const, seed, parent: self }),
        onError: { target: "crashed", actions: keepError },
      },
      on: { "watch.listed": { actions: keepNews }, "watch.changed": { actions: keepNews } },
      initial: "unknown",
      states: {
        unknown: {
          meta: stuckAfter(limits.listing, "the cluster's Nodes are not known: no route is approved"),
          always: { guard: "isKnown", target: "known" },
        },
        known: {
          initial: "whole",
          states: {
            whole: {
              meta: mayLast("no Node disappeared"),
              always: { guard: "someMissing", target: "parting" },
            },
            parting: {
              meta: stuckAfter(limits.grace, "a Node disappeared; its routes are soon revoked", "info"),
              always: { guard: not("someMissing"), target: "whole" },
              after: {
                grace: {
                  target: "parting",
                  reenter: true,
                  actions: {
                    type: "keepLedger",
                    params: ({ context }) => turnLedger(context.ledger ?? emptyLedger),
                  },
                },
              },
            },
          },
        },
      },
    },
    crashed: {
      meta: stuckAfter(limits.crashed, "the watch of Nodes failed and is being restarted", "error"),
      after: { crashed: "working" },
    },
  },
});
