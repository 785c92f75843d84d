import { assign, enqueueActions, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import { type Failure, toFailure } from "../../src/domain/failure.ts";
import { optionalSources, type WatchSource } from "../../src/domain/kubernetes/kubernetes-watch.ts";
import { keep } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvidedSource } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { WatchEvent, WatchedChange, WatchInput, WatchReport } from "./watch-events.ts";

interface WatchContext {
  readonly source: WatchSource;
  readonly seed: string;
  readonly parent: Recipient<WatchReport>;
  /** Where to go on; empty: with a complete list. */
  readonly cursor: string;
  readonly attempt: number;
  readonly retryAfterMs: number;
  /** The parent was told that the watch is lost. */
  readonly lost: boolean;
  readonly failure: Failure | null;
}

type Loss = Pick<Extract<WatchEvent, { type: "watch.failed" }>, "failure" | "retryAfterMs">;

const limits = { listing: 30_000, resuming: 15_000 };
const relookMs = 600_000;
const retry = { firstMs: 250, maxMs: 30_000 };
/** An API server that has just started refuses for a second what it allows later: its roles are not there yet. */
const refusalRetry = { firstMs: 1_000, maxMs: 30_000 };

/** What only another token, certificate or role helps against. */
const refusals: readonly string[] = ["UNAUTHORIZED", "FORBIDDEN"];

const lose = { type: "lose", params: ({ event }: { readonly event: Loss }) => event } as const;

/**
 * List and watch of one kind of Kubernetes objects. A broken watch goes on from its cursor, so that nothing is missed and
 * nothing asked for twice; only an expired cursor leads to a new list.
 */
export const watchMachine = setup({
  types: {} as MachineTypes & { input: WatchInput; context: WatchContext; events: WatchEvent },
  actors: {
    follow: notProvidedSource<WatchEvent, { readonly source: WatchSource; readonly cursor: string }>(
      "watch.follow",
    ),
  },
  actions: {
    forward: enqueueActions(({ context, enqueue }, news: WatchedChange) => {
      enqueue.assign({ cursor: news.cursor, attempt: 0, retryAfterMs: 0 });
      if (news.type === "watch.listed" || news.changes.length > 0) enqueue.sendTo(context.parent, news);
    }),
    tellRestored: enqueueActions(({ context, enqueue }) => {
      if (!context.lost) return;
      enqueue.assign({ lost: false, failure: null });
      enqueue.sendTo(context.parent, { type: "watch.restored", source: context.source });
    }),
    lose: enqueueActions(({ context: { parent, source }, enqueue }, { failure, retryAfterMs = 0 }: Loss) => {
      keep(enqueue, failure);
      enqueue.assign({ retryAfterMs, lost: true });
      enqueue.sendTo(parent, { type: "watch.lost", source, failure });
    }),
    dropCursor: assign({ cursor: "" }),
    tellNone: enqueueActions(({ context: { parent, source }, enqueue }) => {
      enqueue.assign({ cursor: "", attempt: 0, retryAfterMs: 0 });
      enqueue.sendTo(parent, { type: "watch.listed", source, items: [], cursor: "" } as WatchedChange);
    }),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
  },
  guards: {
    resumes: ({ context }) => context.cursor !== "",
    expired: (_, { failure }: { readonly failure: Failure }) => failure.code === "EXPIRED",
    isUnknownKind: ({ context: { source } }, { failure }: { readonly failure: Failure }) =>
      failure.code === "NOT_FOUND" && optionalSources.includes(source),
    isRefusal: (_, { failure }: { readonly failure: Failure }) => refusals.includes(failure.code),
  },
  delays: {
    relook: relookMs,
    backoff: ({ context }) =>
      Math.max(
        backoffDelay(context.attempt, retry, `${context.seed} ${context.source}`),
        Math.min(context.retryAfterMs, retry.maxMs),
      ),
    refusal: ({ context }) =>
      backoffDelay(context.attempt, refusalRetry, `${context.seed} ${context.source}`),
  },
}).createMachine({
  id: "watch",
  context: ({ input }) => ({
    ...input,
    // What is followed and told is of this one source, which the parent takes.
    parent: input.parent as Recipient<WatchReport>,
    cursor: "",
    attempt: 0,
    retryAfterMs: 0,
    lost: false,
    failure: null,
  }),
  options: { maxIterations: 1_000 },
  initial: "following",
  states: {
    following: {
      invoke: {
        src: "follow",
        input: ({ context: { source, cursor } }) => ({ source, cursor }),
        onError: {
          target: "backingOff",
          actions: { type: "lose", params: ({ event }) => ({ failure: toFailure(event.error) }) },
        },
      },
      on: {
        "watch.ended": "endedEarly",
        "watch.failed": [
          {
            guard: { type: "expired", params: ({ event }) => event },
            target: "backingOff",
            actions: ["dropCursor", lose],
          },
          { guard: { type: "isRefusal", params: ({ event }) => event }, target: "refused", actions: lose },
          {
            guard: { type: "isUnknownKind", params: ({ event }) => event },
            target: "unknownKind",
            actions: ["tellNone", "tellRestored"],
          },
          { target: "backingOff", actions: lose },
        ],
      },
      initial: "opening",
      states: {
        opening: { always: [{ guard: "resumes", target: "resuming" }, { target: "listing" }] },
        listing: {
          meta: stuckAfter(limits.listing, "the API server does not list the objects"),
          on: {
            "watch.listed": {
              target: "watching",
              actions: [{ type: "forward", params: ({ event }) => event }, "tellRestored"],
            },
          },
        },
        resuming: {
          meta: stuckAfter(limits.resuming, "the API server does not accept the watch"),
          on: { "watch.opened": { target: "watching", actions: "tellRestored" } },
        },
        watching: {
          meta: mayLast("the watch is open"),
          on: { "watch.changed": { actions: { type: "forward", params: ({ event }) => event } } },
        },
      },
    },
    unknownKind: {
      meta: mayLast("this API server has no objects of the kind; asks again now and then"),
      after: { relook: "following" },
    },
    endedEarly: {
      meta: stuckAfter(retry.maxMs, "the API server ends watches as soon as they begin"),
      after: { backoff: { target: "following", actions: "countAttempt" } },
    },
    backingOff: {
      meta: stuckAfter(retry.maxMs, "the API server is unreachable; running pods keep working", "warn"),
      after: { backoff: { target: "following", actions: "countAttempt" } },
    },
    refused: {
      meta: stuckAfter(
        refusalRetry.maxMs,
        "the API server refuses this node: look at its token and its role",
        "error",
      ),
      after: { refusal: { target: "following", actions: "countAttempt" } },
    },
  },
});
