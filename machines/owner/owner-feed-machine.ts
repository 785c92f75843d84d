import { assign, enqueueActions, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import type { OwnerFacts } from "../../src/domain/owner/owner-facts.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided, notProvidedSource } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { TailscaledIdentity } from "../tailnet/tailnet-events.ts";
import type { OwnerRead, OwnerUnread } from "./owner-events.ts";

export interface OwnerFeedInput {
  readonly process: TailscaledIdentity;
  readonly parent: Recipient<OwnerRead | OwnerUnread>;
}

interface OwnerFeedContext extends OwnerFeedInput {
  /** Something changed since the last look began. */
  readonly hinted: boolean;
  readonly failure: Failure | null;
}

export type OwnerFeedEvent = { readonly type: "owner.changed" } | { readonly type: "owner.closed" };

/** `process` was found after the look: alive then, it was the one that answered. */
export interface OwnerLook {
  readonly facts: OwnerFacts;
  readonly process: TailscaledIdentity | undefined;
}

const limits = {
  silence: 10_000,
  look: 12_000,
  find: 5000,
  settle: 100,
  retry: 500,
  reopen: 200,
  follow: 2000,
};

/**
 * Follows what its owner makes of one tailscaled: looks at it after each hint of its bus, and once more when what follows from the
 * change has had its time: its interface gets its address, the node its resolv.conf, Headscale approves.
 */
export const ownerFeedMachine = setup({
  types: {} as MachineTypes & {
    input: OwnerFeedInput;
    context: OwnerFeedContext;
    events: OwnerFeedEvent;
  },
  actors: {
    /** The IPN bus: sends `owner.changed` and at its end `owner.closed`. */
    bus: notProvidedSource<OwnerFeedEvent, undefined>("owner.bus"),
    look: notProvided<OwnerLook, void>("owner.look"),
    find: notProvided<TailscaledIdentity | undefined, void>("owner.find"),
  },
  actions: {
    keepHint: assign({ hinted: true }),
    lookBegins: assign({ hinted: false }),
    report: enqueueActions(({ context, enqueue }, read: Omit<OwnerRead, "type">) => {
      enqueue.assign({ failure: null });
      enqueue.sendTo(context.parent, { type: "owner.read", ...read });
    }),
    reportUnread: enqueueActions(({ context: { failure, parent }, enqueue }) => {
      const reason = failure?.message ?? "it does not answer on its socket";
      enqueue.sendTo(parent, { type: "owner.unread", reason });
    }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
  },
  guards: {
    hinted: ({ context }) => context.hinted,
    isSameProcess: ({ context }, found: TailscaledIdentity | undefined) =>
      found?.pid === context.process.pid && found.startTime === context.process.startTime,
  },
  delays: limits,
}).createMachine({
  id: "ownerFeed",
  context: ({ input }) => ({ ...input, hinted: false, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "open",
  states: {
    open: {
      invoke: { src: "bus", onError: "checking" },
      initial: "looking",
      on: { "owner.changed": { actions: "keepHint" }, "owner.closed": "checking" },
      states: {
        looking: {
          meta: stuckAfter(limits.silence, "the node's tailscaled cannot be read: /ready says why"),
          after: { silence: { actions: "reportUnread" } },
          initial: "reading",
          states: {
            reading: {
              meta: stuckAfter(limits.look, "the node's tailscaled does not answer on its socket"),
              entry: "lookBegins",
              invoke: {
                src: "look",
                onDone: [
                  {
                    guard: { type: "isSameProcess", params: ({ event }) => event.output.process },
                    target: "#ownerFeed.open.following",
                    actions: {
                      type: "report",
                      params: ({ event }) => ({ facts: event.output.facts, settled: false }),
                    },
                  },
                  { target: "#ownerFeed.gone" },
                ],
                onError: { target: "backingOff", actions: keepError },
              },
            },
            backingOff: {
              meta: stuckAfter(limits.retry, "the node's tailscaled answered with an error"),
              after: { retry: "reading" },
            },
          },
        },
        following: {
          meta: stuckAfter(limits.follow, "the effects of a change take long"),
          always: { guard: "hinted", target: "debouncing" },
          after: { follow: "lookingAgain" },
        },
        lookingAgain: {
          meta: stuckAfter(limits.look, "the node's tailscaled does not answer on its socket"),
          invoke: {
            src: "look",
            onDone: [
              {
                guard: { type: "isSameProcess", params: ({ event }) => event.output.process },
                target: "watching",
                actions: {
                  type: "report",
                  params: ({ event }) => ({ facts: event.output.facts, settled: true }),
                },
              },
              { target: "#ownerFeed.gone" },
            ],
            onError: { target: "looking", actions: keepError },
          },
        },
        watching: {
          meta: mayLast("nothing changed in the node's tailscaled"),
          always: { guard: "hinted", target: "debouncing" },
        },
        debouncing: {
          meta: stuckAfter(limits.settle, "waits for the end of a burst of changes"),
          after: { settle: "looking" },
        },
      },
    },
    checking: {
      meta: stuckAfter(limits.find, "/proc does not answer"),
      invoke: {
        src: "find",
        onDone: [
          { guard: { type: "isSameProcess", params: ({ event }) => event.output }, target: "reopening" },
          { target: "gone" },
        ],
        onError: "reopening",
      },
    },
    reopening: {
      meta: stuckAfter(limits.reopen, "the node's tailscaled runs but closes its IPN bus"),
      after: { reopen: "open" },
    },
    gone: { type: "final" },
  },
});
