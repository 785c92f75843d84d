import { assign, type EventObject, enqueueActions, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import { type Failure, toFailure } from "../../src/domain/failure.ts";
import { isRefusal } from "../headscale/headscale-jobs.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { KeysReport } from "./controller-events.ts";

/** What was found about the key in the Secret. The key itself never comes into a machine: machines are shown. */
export interface JoinKeyState {
  readonly due: boolean;
  /** Ids of all keys of the controller's. */
  readonly ownIds: readonly string[];
}

interface JoinKeyInput {
  /** False in mode host: there the owners of the machines log in. */
  readonly wanted: boolean;
  readonly seed: string;
  readonly parent: Recipient<KeysReport>;
}

interface JoinKeyContext extends JoinKeyInput {
  readonly attempt: number;
  readonly failure: Failure | null;
}

const limits = { exchange: 25_000, recheck: 120_000, refused: 30_000 };
const retry = { firstMs: 1_000, maxMs: 60_000 };

const failed = [
  {
    guard: {
      type: "isRefusal",
      params: ({ event }: { event: { error: unknown } }) => toFailure(event.error),
    },
    target: "refused",
    actions: keepError,
  },
  { target: "backingOff", actions: keepError },
] as const;

const tooSlow = {
  target: "backingOff",
  actions: {
    type: "keepFailure",
    params: { code: "TIMEOUT", message: "Headscale or the API server did not answer in time" },
  },
} as const;

/** Keeps the pre-auth key in the Secret usable: by it nodes join, and it lives for a day. */
export const joinKeyMachine = setup({
  types: {} as MachineTypes & { input: JoinKeyInput; context: JoinKeyContext; events: EventObject },
  actors: {
    /** Looks at the Secret and at Headscale's list of keys. */
    check: notProvided<JoinKeyState, void>("joinKey.check"),
    /** Makes a key and writes it into the Secret. */
    renew: notProvided<JoinKeyState, void>("joinKey.renew"),
  },
  actions: {
    tell: enqueueActions(({ context: { parent }, enqueue }, { ownIds }: JoinKeyState) => {
      enqueue.assign({ failure: null, attempt: 0 });
      enqueue.sendTo(parent, { type: "keys.known", ids: ownIds });
    }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
  },
  guards: {
    isWanted: ({ context }) => context.wanted,
    isDue: (_, { due }: JoinKeyState) => due,
    isRefusal: (_, failure: Failure) => isRefusal(failure),
  },
  delays: {
    ...limits,
    backoff: ({ context }) => backoffDelay(context.attempt, retry, context.seed),
  },
}).createMachine({
  id: "joinKey",
  context: ({ input }) => ({ ...input, attempt: 0, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "deciding",
  states: {
    deciding: { always: [{ guard: "isWanted", target: "checking" }, { target: "off" }] },
    off: { meta: mayLast("the owners of the nodes' machines log in") },
    checking: {
      meta: stuckAfter(
        limits.exchange,
        "Headscale or the API server is slow to answer about the pre-auth key",
      ),
      invoke: {
        src: "check",
        onDone: [
          { guard: { type: "isDue", params: ({ event }) => event.output }, target: "renewing" },
          { target: "fresh", actions: { type: "tell", params: ({ event }) => event.output } },
        ],
        onError: failed,
      },
      after: { exchange: tooSlow },
    },
    renewing: {
      meta: stuckAfter(limits.exchange, "Headscale or the API server is slow to renew the pre-auth key"),
      invoke: {
        src: "renew",
        onDone: { target: "fresh", actions: { type: "tell", params: ({ event }) => event.output } },
        onError: failed,
      },
      after: { exchange: tooSlow },
    },
    fresh: {
      meta: mayLast("the Secret holds a pre-auth key with half of its life left; looks again now and then"),
      after: { recheck: "checking" },
    },
    backingOff: {
      meta: stuckAfter(retry.maxMs, "the pre-auth key cannot be renewed: soon no new node can join", "warn"),
      after: { backoff: { target: "checking", actions: "countAttempt" } },
    },
    refused: {
      meta: stuckAfter(
        limits.refused,
        "the controller may not renew the pre-auth key: soon no new node can join",
        "error",
      ),
      after: { refused: "checking" },
    },
  },
});
