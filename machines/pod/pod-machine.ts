import { assign, type EventObject, sendTo, setup } from "xstate";
import type { AttachmentPlan, Mismatch } from "../../src/domain/attachment.ts";
import { backoffDelay } from "../../src/domain/backoff.ts";
import { type Failure, toFailure } from "../../src/domain/failure.ts";
import { notProvided } from "../support/not-provided.ts";
import { notProvidedSource } from "../support/not-provided-source.ts";
import type { Recipient } from "../support/recipient.ts";
import type { StateMeta } from "../support/state-limit.ts";
import type { PodEvent, PodInput, PodOutput, PodReport, PodStart } from "./pod-events.ts";
import { attached, checked, checkFailed, lingers, timeout, unrouted } from "./pod-reports.ts";

interface PodContext {
  readonly plan: AttachmentPlan;
  readonly start: PodStart;
  readonly registry: Recipient<PodReport>;
  /** Why the ADD failed; null for a pod that ends because it was asked to. */
  readonly failure: Failure | null;
  readonly releasedAtMs: number;
  /** Removals that failed so far. */
  readonly failedRemovals: number;
}

/** Ends of what may hang, in ms; each is also the limit in the state's meta. */
const limits = {
  attach: 12_000,
  cancel: 2_000,
  check: 5_000,
  detach: 10_000,
  release: 30_000,
  pause: 30_000,
  removal: 60_000,
} as const;
/** Wait before a removal is tried again. */
const pauses = { firstMs: 1_000, mostMs: limits.pause };

const podSetup = setup({
  types: {
    context: {} as PodContext,
    events: {} as PodEvent,
    input: {} as PodInput,
    output: {} as PodOutput,
    meta: {} as StateMeta,
  },
  actors: {
    attach: notProvidedSource<{ type: "attach.cancel" }, { plan: AttachmentPlan }>("attach"),
    detach: notProvidedSource<EventObject, { hostLink: string }>("detach"),
    check: notProvided<readonly Mismatch[], { plan: AttachmentPlan }>("check"),
  },
  guards: {
    startsAttached: ({ context }) => context.start === "attached",
    startsDetaching: ({ context }) => context.start === "detach",
    failed: ({ context }) => context.failure !== null,
    asPlanned: (_, params: { mismatches: readonly Mismatch[] }) => params.mismatches.length === 0,
  },
  actions: {
    keepNetns: assign({
      plan: ({ context }, params: { netns: string }) => ({ ...context.plan, netns: params.netns }),
    }),
    keepFailure: assign({ failure: (_, params: { failure: Failure }) => params.failure }),
    countFailedRemoval: assign({ failedRemovals: ({ context }) => context.failedRemovals + 1 }),
    keepRelease: assign({ releasedAtMs: (_, params: { atMs: number }) => params.atMs }),
    cancelAttach: sendTo("attach", { type: "attach.cancel" }),
    report: sendTo(
      ({ context }) => context.registry,
      (_, report: PodReport) => report,
    ),
  },
  delays: {
    attachLimit: limits.attach,
    cancelLimit: limits.cancel,
    checkLimit: limits.check,
    detachLimit: limits.detach,
    releaseLimit: limits.release,
    pause: ({ context }) => backoffDelay(context.failedRemovals - 1, pauses, context.plan.key),
  },
});

/**
 * One interface of one sandbox, from ADD to the end of its link in the kernel. It computes nothing: the plan comes in,
 * and whoever asks is told by the registry. An ADD that is cancelled waits for its kernel work to end before it cleans
 * up, because aborted work may still change the kernel. A pod ends only when its link is gone.
 */
export const podMachine = podSetup.createMachine({
  id: "pod",
  context: ({ input }) => ({ ...input, failure: null, releasedAtMs: 0, failedRemovals: 0 }),
  output: ({ context }) => ({ key: context.plan.key, releasedAtMs: context.releasedAtMs }),
  options: { maxIterations: 1_000 },
  initial: "deciding",
  states: {
    deciding: {
      always: [
        { guard: "startsAttached", target: "attached" },
        { guard: "startsDetaching", target: "detaching" },
        { target: "attaching" },
      ],
    },
    attaching: {
      invoke: {
        id: "attach",
        src: "attach",
        input: ({ context }) => ({ plan: context.plan }),
        onError: {
          target: "detaching",
          actions: { type: "keepFailure", params: ({ event }) => ({ failure: toFailure(event.error) }) },
        },
      },
      initial: "running",
      states: {
        running: {
          meta: { limit: { ms: limits.attach, means: "the kernel worker does not answer an ADD" } },
          on: {
            "attach.done": {
              target: "#pod.attached",
              actions: { type: "report", params: ({ context }) => attached(context.plan) },
            },
            "attach.failed": {
              target: "#pod.detaching",
              actions: { type: "keepFailure", params: ({ event }) => ({ failure: event.failure }) },
            },
            "pod.detach": "cancelling",
          },
          after: {
            attachLimit: {
              target: "#pod.detaching",
              actions: {
                type: "keepFailure",
                params: () => ({ failure: timeout("attaching", limits.attach) }),
              },
            },
          },
        },
        cancelling: {
          meta: { limit: { ms: limits.cancel, means: "the kernel worker does not give up a cancelled ADD" } },
          entry: "cancelAttach",
          on: { "attach.done": "#pod.detaching", "attach.failed": "#pod.detaching" },
          after: { cancelLimit: "#pod.detaching" },
        },
      },
    },
    attached: {
      meta: { limit: "none", because: "a pod lives as long as it is wanted", log: "info" },
      on: {
        "pod.check": { target: "checking", actions: { type: "keepNetns", params: ({ event }) => event } },
        "pod.verify": { target: "verifying", actions: { type: "keepNetns", params: ({ event }) => event } },
        "pod.detach": "detaching",
      },
    },
    checking: {
      meta: { limit: { ms: limits.check, means: "the kernel worker does not answer a CHECK" } },
      invoke: {
        src: "check",
        input: ({ context }) => ({ plan: context.plan }),
        onDone: {
          target: "attached",
          actions: { type: "report", params: ({ context, event }) => checked(context.plan, event.output) },
        },
        onError: {
          target: "attached",
          actions: {
            type: "report",
            params: ({ context, event }) => checkFailed(context.plan, toFailure(event.error)),
          },
        },
      },
      on: { "pod.detach": "detaching" },
      after: {
        checkLimit: {
          target: "attached",
          actions: {
            type: "report",
            params: ({ context }) => checkFailed(context.plan, timeout("checking", limits.check)),
          },
        },
      },
    },
    verifying: {
      meta: { limit: { ms: limits.check, means: "the kernel worker does not answer a repeated ADD" } },
      invoke: {
        src: "check",
        input: ({ context }) => ({ plan: context.plan }),
        onDone: [
          {
            guard: { type: "asPlanned", params: ({ event }) => ({ mismatches: event.output }) },
            target: "attached",
            actions: { type: "report", params: ({ context }) => attached(context.plan) },
          },
          { target: "detaching" },
        ],
        onError: {
          target: "attached",
          actions: {
            type: "report",
            params: ({ context, event }) => checkFailed(context.plan, toFailure(event.error)),
          },
        },
      },
      on: { "pod.detach": "detaching" },
      after: {
        checkLimit: {
          target: "attached",
          actions: {
            type: "report",
            params: ({ context }) => checkFailed(context.plan, timeout("verifying", limits.check)),
          },
        },
      },
    },
    // Its limit counts on while attempts and pauses take turns: a removal that goes on for ever must ring.
    detaching: {
      meta: { limit: { ms: limits.removal, means: "what a pod left is still in the kernel: see the log" } },
      initial: "trying",
      states: {
        trying: {
          invoke: {
            id: "detach",
            src: "detach",
            input: ({ context }) => ({ hostLink: context.plan.hostLink }),
            onError: {
              target: "pausing",
              actions: {
                type: "report",
                params: ({ context, event }) => lingers(context.plan, toFailure(event.error)),
              },
            },
          },
          on: {
            "detach.failed": {
              target: "pausing",
              actions: {
                type: "report",
                params: ({ context, event }) => lingers(context.plan, event.failure),
              },
            },
          },
          initial: "unrouting",
          states: {
            unrouting: {
              meta: { limit: { ms: limits.detach, means: "the kernel worker does not answer a DEL" } },
              on: {
                "detach.unrouted": {
                  target: "releasing",
                  actions: {
                    type: "report",
                    params: ({ context }) => unrouted(context.plan, context.failure),
                  },
                },
              },
              after: {
                detachLimit: {
                  target: "#pod.detaching.pausing",
                  actions: {
                    type: "report",
                    params: ({ context }) => lingers(context.plan, timeout("detaching", limits.detach)),
                  },
                },
              },
            },
            releasing: {
              meta: {
                limit: { ms: limits.release, means: "a link that was deleted is still in the kernel" },
              },
              on: {
                "detach.released": [
                  {
                    guard: "failed",
                    target: "#pod.failed",
                    actions: { type: "keepRelease", params: ({ event }) => event },
                  },
                  { target: "#pod.gone", actions: { type: "keepRelease", params: ({ event }) => event } },
                ],
              },
              // Asking again is harmless: what is already so counts as done.
              after: { releaseLimit: { target: "#pod.detaching.trying", reenter: true } },
            },
          },
        },
        pausing: {
          meta: { limit: { ms: limits.pause, means: "waiting to remove an attachment again" }, log: "warn" },
          entry: "countFailedRemoval",
          on: { "pod.detach": "trying" },
          after: { pause: "trying" },
        },
      },
    },
    gone: { type: "final" },
    failed: { type: "final" },
  },
});
