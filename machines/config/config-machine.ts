import { assign, enqueueActions, sendTo, setup } from "xstate";
import type { ConfigChange, ConfigReview } from "../../src/domain/config-change.ts";
import type { Failure } from "../../src/domain/failure.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided, notProvidedSource } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";

export type ConfigEvent =
  /** The file, or a file with a key, may have changed; bursts are gathered. */
  | { readonly type: "config.touched" }
  /** Nobody watches any more: the directory is gone, or the kernel gives no more watches. */
  | { readonly type: "config.unwatched"; readonly failure: Failure };

/** What the root learns: these hold from now on. Values of secrets are never in it. */
export interface ConfigReport {
  readonly type: "config.changed";
  readonly changes: readonly ConfigChange[];
}

export interface ConfigInput {
  readonly parent: Recipient<ConfigReport>;
}

interface ConfigContext extends ConfigInput {
  readonly review: ConfigReview;
  /** Whether the file was touched again while its last version was being applied. */
  readonly touched: boolean;
  readonly failure: Failure | null;
}

const limits = { reading: 5_000, applying: 5_000, retry: 10_000 };

const keepReview = {
  type: "keepReview",
  params: ({ event }: { readonly event: { readonly output: ConfigReview } }) => event.output,
} as const;

/**
 * Follows the configuration file: what may change in a running daemon is applied at once, everything else keeps its old
 * value and is named in `refused`. An invalid file changes nothing.
 */
export const configMachine = setup({
  types: {} as MachineTypes & { input: ConfigInput; context: ConfigContext; events: ConfigEvent },
  actors: {
    /** Sends `config.touched` and `config.unwatched`. */
    watch: notProvidedSource<ConfigEvent, undefined>("config.watch"),
    /** Reads the file and compares it with what holds. */
    review: notProvided<ConfigReview, void>("config.review"),
    /** Makes the live part of what was reviewed last hold. */
    adopt: notProvided<void, void>("config.adopt"),
  },
  actions: {
    keepReview: assign((_, review: ConfigReview) => ({ review, failure: null })),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    noteTouch: assign({ touched: true }),
    forgetTouch: assign({ touched: false }),
    reportChanges: sendTo(
      ({ context }) => context.parent,
      ({ context }) => ({ type: "config.changed" as const, changes: context.review.changes }),
    ),
  },
  guards: {
    touchedAgain: ({ context }) => context.touched,
    applies: (_, { changes }: ConfigReview) => changes.length > 0,
    differs: (_, { refused, problems }: ConfigReview) => refused.length > 0 || problems.length > 0,
  },
  delays: limits,
}).createMachine({
  id: "config",
  context: ({ input }) => ({
    ...input,
    review: { changes: [], refused: [], problems: [] },
    touched: false,
    failure: null,
  }),
  options: { maxIterations: 1_000 },
  initial: "following",
  states: {
    following: {
      // The file may have changed between its first reading and the first watch, or while nobody watched.
      initial: "validating",
      invoke: {
        src: "watch",
        onError: { target: "backingOff", actions: keepError },
      },
      on: {
        "config.touched": ".validating",
        "config.unwatched": {
          target: "backingOff",
          actions: { type: "keepFailure", params: ({ event }) => event.failure },
        },
      },
      states: {
        validating: {
          meta: stuckAfter(limits.reading, "the configuration file cannot be read: its disk hangs"),
          invoke: {
            src: "review",
            onDone: [
              {
                guard: { type: "applies", params: ({ event }) => event.output },
                target: "applying",
                actions: keepReview,
              },
              {
                guard: { type: "differs", params: ({ event }) => event.output },
                target: "refused",
                actions: keepReview,
              },
              { target: "watching", actions: keepReview },
            ],
            onError: { target: "#config.backingOff", actions: keepError },
          },
          after: { reading: "#config.backingOff" },
        },
        applying: {
          meta: stuckAfter(limits.applying, "a part of the daemon does not apply its new setting"),
          entry: "forgetTouch",
          on: { "config.touched": { actions: "noteTouch" } },
          invoke: {
            src: "adopt",
            onDone: [
              { guard: "touchedAgain", target: "validating", actions: "reportChanges" },
              {
                guard: { type: "differs", params: ({ context }) => context.review },
                target: "refused",
                actions: "reportChanges",
              },
              { target: "watching", actions: "reportChanges" },
            ],
            onError: { target: "#config.backingOff", actions: keepError },
          },
          after: { applying: "#config.backingOff" },
        },
        watching: { meta: mayLast("the configuration is applied", "info") },
        refused: {
          meta: mayLast(
            "the daemon keeps its old values until the file is valid or the daemon restarts",
            "warn",
          ),
        },
      },
    },
    backingOff: {
      meta: stuckAfter(limits.retry, "waits before it watches and reads the configuration again", "warn"),
      after: { retry: "following" },
    },
  },
});
