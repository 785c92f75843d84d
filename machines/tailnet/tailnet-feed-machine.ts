import { assign, enqueueActions, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import { pulseOf, type TailnetStatus } from "../../src/domain/tailnet/tailnet-status.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided, notProvidedSource } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { BusChange, TailnetEvent, TailscaledIdentity, WantedTailnet } from "./tailnet-events.ts";

export interface TailnetFeedInput {
  readonly process: TailscaledIdentity;
  readonly wanted: WantedTailnet;
  readonly parent: Recipient<TailnetEvent>;
}

interface TailnetFeedContext extends TailnetFeedInput {
  /** Something changed since the last look began. */
  readonly hinted: boolean;
  /** Somebody may have changed preferences: the next look puts ours right first. */
  readonly prefsHinted: boolean;
  /** The look under way puts preferences right, as one in vain did not. */
  readonly reconciles: boolean;
  /** Of the status that was told last. */
  readonly pulse: string;
  readonly failure: Failure | null;
}

/** `process` was found after the status: alive then, it was the one that answered. */
export interface ReadTailnet {
  readonly status: TailnetStatus;
  readonly process: TailscaledIdentity | undefined;
}

type TailnetFeedEvent = BusChange | { readonly type: "bus.closed" };

const limits = {
  silence: 30_000,
  read: 12_000,
  find: 5000,
  settle: 100,
  retry: 500,
  reopen: 200,
  pulse: 2000,
};

/**
 * Follows one tailscaled: each hint of its bus, once they have calmed, leads to one reading of its status. When the bus ends,
 * the process decides: alive, the bus is opened again; dead, the feed is over. What another process answers is never told.
 */
export const tailnetFeedMachine = setup({
  types: {} as MachineTypes & {
    input: TailnetFeedInput;
    context: TailnetFeedContext;
    events: TailnetFeedEvent;
  },
  actors: {
    /** The IPN bus: sends `bus.changed` and at its end `bus.closed`. */
    bus: notProvidedSource<TailnetFeedEvent, undefined>("tailnet.bus"),
    /** Puts preferences right when given some, then reads the status, and after it which process it is of. */
    read: notProvided<ReadTailnet, { readonly wanted?: WantedTailnet }>("tailnet.read"),
    pulse: notProvided<string, void>("tailnet.pulse"),
    find: notProvided<TailscaledIdentity | undefined, void>("tailnet.find"),
  },
  actions: {
    keepHint: assign({
      hinted: true,
      prefsHinted: ({ context }, prefs: boolean) => context.prefsHinted || prefs,
    }),
    passRenewed: enqueueActions(({ context, enqueue }, nodeIds: readonly string[]) => {
      if (nodeIds.length > 0)
        enqueue.sendTo(context.parent, { type: "peers.renewed", nodeIds } satisfies TailnetEvent);
    }),
    lookBegins: assign({
      hinted: false,
      prefsHinted: false,
      reconciles: ({ context }) => context.prefsHinted || context.reconciles,
    }),
    report: enqueueActions(({ context, enqueue }, status: TailnetStatus) => {
      enqueue.assign({ reconciles: false, pulse: pulseOf(status), failure: null });
      enqueue.sendTo(context.parent, { type: "tailnet.read", status } satisfies TailnetEvent);
    }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
  },
  guards: {
    hinted: ({ context }) => context.hinted,
    pulseDiffers: ({ context }, pulse: string) => pulse !== context.pulse,
    isSameProcess: ({ context }, found: TailscaledIdentity | undefined) =>
      found?.pid === context.process.pid && found.startTime === context.process.startTime,
  },
  delays: limits,
}).createMachine({
  id: "tailnetFeed",
  context: ({ input }) => ({
    ...input,
    hinted: false,
    prefsHinted: true,
    reconciles: false,
    pulse: "",
    failure: null,
  }),
  options: { maxIterations: 1_000 },
  initial: "open",
  states: {
    open: {
      invoke: { src: "bus", onError: "checking" },
      initial: "looking",
      on: {
        "bus.changed": {
          actions: [
            { type: "keepHint", params: ({ event }) => event.prefs },
            { type: "passRenewed", params: ({ event }) => event.renewed },
          ],
        },
        "bus.closed": "checking",
      },
      states: {
        looking: {
          meta: stuckAfter(limits.silence, "tailscaled runs but does not answer, or answers with errors"),
          initial: "reading",
          states: {
            reading: {
              meta: stuckAfter(limits.read, "tailscaled does not answer on its socket"),
              invoke: {
                src: "read",
                input: ({ context }) => (context.reconciles ? { wanted: context.wanted } : {}),
                onDone: [
                  {
                    guard: { type: "isSameProcess", params: ({ event }) => event.output.process },
                    target: "#tailnetFeed.open.resting",
                    actions: { type: "report", params: ({ event }) => event.output.status },
                  },
                  { target: "#tailnetFeed.gone" },
                ],
                onError: { target: "backingOff", actions: keepError },
              },
              entry: "lookBegins",
            },
            backingOff: {
              meta: stuckAfter(limits.retry, "tailscaled answered with an error"),
              after: { retry: "reading" },
            },
          },
        },
        resting: {
          meta: stuckAfter(limits.pulse, "the status was just read"),
          always: { guard: "hinted", target: "debouncing" },
          after: { pulse: "watching" },
        },
        // Some changes come without a hint, and a tailscaled that hangs keeps its bus open.
        watching: {
          meta: mayLast("nothing changed in the tailnet"),
          always: { guard: "hinted", target: "debouncing" },
          invoke: {
            src: "pulse",
            onDone: {
              guard: { type: "pulseDiffers", params: ({ event }) => event.output },
              target: "looking",
            },
            onError: "looking",
          },
          after: { pulse: { target: "watching", reenter: true } },
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
      meta: stuckAfter(limits.reopen, "tailscaled runs but closes its IPN bus"),
      after: { reopen: "open" },
    },
    gone: { type: "final" },
  },
});
