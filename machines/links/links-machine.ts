import { assign, enqueueActions, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";

/** To a pod: its link is not in the kernel any more. */
export type LinkGone = { readonly type: "link.gone" };

/** From a pod: its link is marked `leaving` and waits for its deletion. */
export type LinksEvent = { readonly type: "link.left"; readonly replyTo: Recipient<LinkGone> };

type Pods = readonly Recipient<LinkGone>[];

interface LinksContext {
  /** Whose links the next deletion takes. */
  readonly waiting: Pods;
  /** Whose links the deletion under way takes. */
  readonly leaving: Pods;
  readonly failure: Failure | null;
}

/**
 * A deletion holds up ADDs for some ms: at most ten a second cost them little, and a runtime that removes the sandbox right
 * after its DEL has done the work by then.
 */
const limits = { gather: 100, deletion: 30_000, pause: 1_000 } as const;

/**
 * Deletes the links that pods left. The kernel waits some 16 ms for each deletion, however many links it takes, so links
 * gather and go together.
 */
export const linksMachine = setup({
  types: {} as MachineTypes & { context: LinksContext; events: LinksEvent },
  actors: { removeLeaving: notProvided<void, void>("links.removeLeaving") },
  guards: { moreWait: ({ context }) => context.waiting.length > 0 },
  actions: {
    join: assign({ waiting: ({ context }, pod: Recipient<LinkGone>) => [...context.waiting, pod] }),
    takeAll: assign({
      leaving: ({ context }) => [...context.leaving, ...context.waiting],
      waiting: [],
    }),
    tellGone: enqueueActions(({ context: { leaving }, enqueue }) => {
      for (const pod of leaving) enqueue.sendTo(pod, { type: "link.gone" });
      enqueue.assign({ leaving: [], failure: null });
    }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
  },
  delays: limits,
}).createMachine({
  id: "links",
  context: { waiting: [], leaving: [], failure: null },
  options: { maxIterations: 1_000 },
  initial: "idle",
  on: { "link.left": { actions: { type: "join", params: ({ event }) => event.replyTo } } },
  states: {
    idle: {
      meta: mayLast("no link waits for its deletion"),
      always: { guard: "moreWait", target: "gathering" },
    },
    gathering: {
      meta: stuckAfter(limits.gather, "collects the links of deleted pods"),
      after: { gather: "deleting" },
    },
    deleting: {
      meta: stuckAfter(limits.deletion, "the kernel does not finish deleting links"),
      entry: "takeAll",
      invoke: {
        src: "removeLeaving",
        onDone: { target: "idle", actions: "tellGone" },
        onError: { target: "backingOff", actions: keepError },
      },
    },
    backingOff: {
      meta: stuckAfter(limits.pause, "waits before it deletes refused links again", "warn"),
      after: { pause: "deleting" },
    },
  },
});
