import { assign, enqueueActions, sendTo, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import { type Failure, toFailure } from "../../src/domain/failure.ts";
import { noTailnet } from "../../src/domain/tailnet/tailnet-phase.ts";
import type { GuardEvent, NamespaceHeld } from "../guard/guard-events.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { SessionSettled, TailnetSettings, TailscaledIdentity } from "../tailnet/tailnet-events.ts";
import { tailnetMachine } from "../tailnet/tailnet-machine.ts";

/** The tailscaled that headcni-wire runs. */
export interface FoundTailscaled extends TailscaledIdentity {
  /** Whether a daemon has opened its paths to peers before. */
  readonly attended: boolean;
}

export interface TailscaledInput extends TailnetSettings {
  /** Told whether the tailnet namespace, which headcni-wire made, is open in the kernel port: again for each new one. */
  readonly guard: Recipient<GuardEvent>;
}

export type TailscaledEvent =
  | NamespaceHeld
  | SessionSettled
  /** From the root: another auth key is in place. */
  | { readonly type: "credentials.replaced" };

interface TailscaledContext extends TailscaledInput {
  readonly found: FoundTailscaled;
  /** Why headcni-wire was not found at the last look; empty once it was. */
  readonly missed: string;
  /** The tailnet namespace that the guard was told of; empty while that is none. */
  readonly namespace: string;
  /** Ends of a session in a row that never knew where it stands. */
  readonly failures: number;
  readonly failure: Failure | null;
}

/** `pause` is short enough that a new tailscaled is attended before its peers are missed; a look costs two reads. */
const limits = { away: 60_000, seek: 5000, enter: 5000, guard: 5000, settle: 60_000, pause: 200 };
const restart = { firstMs: 100, maxMs: 30_000 };
const nobody: FoundTailscaled = { pid: 0, startTime: "", attended: false };

/**
 * The process: which tailscaled headcni-wire runs. Each one gets a `tailnet` of its own, so that nothing which is told of
 * one is ever taken for another. Losing control is no reason to touch it: running pods keep working on the last netmap.
 */
export const tailscaledMachine = setup({
  types: {} as MachineTypes & {
    input: TailscaledInput;
    context: TailscaledContext;
    events: TailscaledEvent;
    children: { tailnet: "tailnet" };
  },
  actors: {
    /** One look for headcni-wire; fails with the reason why it runs no tailscaled. */
    seek: notProvided<FoundTailscaled, void>("tailscaled.seek"),
    /** Opens the tailnet namespace that headcni-wire made, and names it: the same name is the same namespace. */
    enter: notProvided<string, void>("tailscaled.enter"),
    tailnet: tailnetMachine,
  },
  actions: {
    takeFound: assign((_, found: FoundTailscaled) => ({ found, missed: "", failure: null })),
    noteMissed: enqueueActions(({ context, enqueue }, failure: Failure) => {
      enqueue.assign({ failure, missed: failure.message });
      enqueue.sendTo(context.health, { type: "tailscale.down", reason: failure.code });
      // With headcni-wire alive the tailnet namespace stands, and the guard holds it.
      if (failure.code === "TAILSCALED_AWAY") return;
      enqueue.assign({ namespace: "" });
      enqueue.sendTo(context.guard, { type: "tailnetNamespace.closed" });
    }),
    reportEntered: enqueueActions(({ context, enqueue, self }, namespace: string) => {
      enqueue.assign({ namespace });
      enqueue.sendTo(context.guard, { type: "tailnetNamespace.opened", replyTo: self });
    }),
    /** However the session ended: nothing that it told holds any more. */
    reportEnded: enqueueActions(({ context: { health, routes }, enqueue }) => {
      enqueue.sendTo(health, { type: "tailscale.down", reason: "EXITED" });
      enqueue.sendTo(routes, { type: "tailnet.changed", status: noTailnet });
    }),
    offerCredentials: sendTo("tailnet", { type: "credentials.replaced" }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    forgetFailures: assign({ failures: 0, failure: null }),
  },
  guards: {
    isNews: ({ context }, failure: Failure) => failure.message !== context.missed,
    isKnown: ({ context }, namespace: string) => namespace === context.namespace,
  },
  delays: {
    pause: limits.pause,
    guard: limits.guard,
    restart: ({ context }) => backoffDelay(context.failures - 1, restart, context.wanted.hostname),
  },
}).createMachine({
  id: "tailscaled",
  context: ({ input }) => ({
    ...input,
    found: nobody,
    missed: "",
    namespace: "",
    failures: 0,
    failure: null,
  }),
  options: { maxIterations: 1_000 },
  initial: "away",
  states: {
    away: {
      meta: stuckAfter(
        limits.away,
        "headcni-wire does not run tailscaled on this node: see the reason on /ready and its log",
      ),
      initial: "seeking",
      states: {
        seeking: {
          meta: stuckAfter(limits.seek, "/proc does not answer"),
          invoke: {
            src: "seek",
            onDone: {
              target: "#tailscaled.entering",
              actions: { type: "takeFound", params: ({ event }) => event.output },
            },
            onError: [
              {
                guard: { type: "isNews", params: ({ event }) => toFailure(event.error) },
                target: "missing",
                actions: { type: "noteMissed", params: ({ event }) => toFailure(event.error) },
              },
              { target: "awaitingPoll" },
            ],
          },
        },
        missing: {
          meta: stuckAfter(limits.pause, "headcni-wire runs no tailscaled, for a new reason", "warn"),
          after: { pause: "seeking" },
        },
        awaitingPoll: {
          meta: stuckAfter(limits.pause, "headcni-wire still runs no tailscaled"),
          after: { pause: "seeking" },
        },
        backingOff: {
          meta: stuckAfter(restart.maxMs, "tailscaled does not stay up", "warn"),
          entry: "countFailure",
          after: { restart: "seeking" },
        },
      },
    },
    entering: {
      meta: stuckAfter(limits.enter, "the tailnet namespace of headcni-wire cannot be opened"),
      invoke: {
        src: "enter",
        onDone: [
          { guard: { type: "isKnown", params: ({ event }) => event.output }, target: "attending" },
          {
            target: "awaitingGuard",
            actions: { type: "reportEntered", params: ({ event }) => event.output },
          },
        ],
        onError: { target: "away.backingOff", actions: keepError },
      },
    },
    // A login before the way to Headscale is open fails, and tailscaled's own backoff then costs it over a second.
    awaitingGuard: {
      meta: stuckAfter(limits.guard, "the tailnet namespace is not in the desired state: see guard"),
      on: { "tailnetNamespace.held": "attending" },
      after: { guard: "attending" },
    },
    attending: {
      exit: "reportEnded",
      invoke: {
        src: "tailnet",
        id: "tailnet",
        input: ({ context: { found, wanted, authKeyFrom, headscale, health, routes, node }, self }) => ({
          process: identityOf(found),
          arrival: found.attended ? ("adopted" as const) : ("restarted" as const),
          wanted,
          authKeyFrom,
          headscale,
          health,
          routes,
          node,
          parent: self,
        }),
        onDone: "away.backingOff",
        onError: { target: "away.backingOff", actions: keepError },
      },
      on: {
        "session.settled": { target: ".steady", actions: "forgetFailures" },
        "credentials.replaced": { actions: "offerCredentials" },
      },
      initial: "awaitingTailnet",
      states: {
        awaitingTailnet: {
          meta: stuckAfter(
            limits.settle,
            "tailscaled runs, but the tailnet is down: see the machine tailnet",
          ),
        },
        steady: { meta: mayLast("the machine tailnet has the details") },
      },
    },
  },
});

function identityOf({ pid, startTime }: FoundTailscaled): TailscaledIdentity {
  return { pid, startTime };
}
