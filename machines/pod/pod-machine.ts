import { toFailure } from "../../src/domain/failure.ts";
import { keepError } from "../support/keep-failure.ts";
import { timeout } from "../support/timeout.ts";
import type { AttachmentCall } from "./pod-events.ts";
import { podLimits as limits, podSetup } from "./pod-setup.ts";

const overtaking = {
  type: "overtake",
  params: ({ event }: { readonly event: AttachmentCall }) => event,
} as const;

/**
 * One interface of one sandbox, from ADD to the end of its link in the kernel, and all calls about it: they run one after
 * another, each is answered once and by the pod itself. An ADD that is cancelled waits for its kernel work to end before
 * the pod cleans up, because aborted work may still change the kernel. A pod whose link is gone is `idle` until its
 * registry releases it: a call that the registry hands on meanwhile would be lost with it.
 */
export const podMachine = podSetup.createMachine({
  id: "pod",
  context: ({ input }) => ({ ...input, queue: [], failure: null, releasedAtMs: 0, failedRemovals: 0 }),
  options: { maxIterations: 1_000 },
  initial: "deciding",
  on: {
    "pod.attachWanted": { actions: { type: "queueCall", params: ({ event }) => event } },
    "pod.checkWanted": { actions: { type: "queueCall", params: ({ event }) => event } },
    "pod.detachWanted": { actions: overtaking },
    "pod.withdrawn": { actions: { type: "withdraw", params: ({ event }) => event } },
  },
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
        onError: { target: "detaching", actions: keepError },
      },
      initial: "running",
      states: {
        running: {
          meta: { limit: { ms: limits.attach, means: "the kernel worker does not answer an ADD" } },
          on: {
            "attach.done": {
              target: "#pod.attached",
              actions: ["tellAssigned", { type: "answerAttached", params: { mismatches: [] } }],
            },
            "attach.failed": {
              target: "#pod.detaching",
              actions: { type: "keepFailure", params: ({ event }) => event.failure },
            },
            "pod.detachWanted": { target: "cancelling", actions: overtaking },
            // Only answered ADDs leave something behind.
            "pod.withdrawn": {
              guard: { type: "worksFor", params: ({ event }) => event },
              target: "cancelling",
              actions: { type: "withdraw", params: ({ event }) => event },
            },
          },
          after: {
            attach: {
              target: "#pod.detaching",
              actions: { type: "keepFailure", params: timeout("attaching", limits.attach) },
            },
          },
        },
        cancelling: {
          meta: { limit: { ms: limits.cancel, means: "the kernel worker does not give up a cancelled ADD" } },
          entry: "cancelAttach",
          on: { "attach.done": "#pod.detaching", "attach.failed": "#pod.detaching" },
          after: { cancel: "#pod.detaching" },
        },
      },
    },
    attached: {
      meta: { limit: "none", because: "a pod lives as long as it is wanted", log: "info" },
      always: { guard: "hasCalls", target: "checking", actions: ["tellStarted", "takeNext"] },
      on: { "pod.detachWanted": { target: "detaching", actions: overtaking } },
    },
    // For CHECK and for the same ADD again.
    checking: {
      meta: {
        limit: { ms: limits.check, means: "the kernel worker does not answer a CHECK or a repeated ADD" },
      },
      invoke: {
        src: "check",
        input: ({ context }) => ({ plan: context.plan }),
        onDone: [
          {
            guard: { type: "mustRedo", params: ({ event }) => ({ mismatches: event.output }) },
            target: "detaching",
          },
          {
            target: "attached",
            actions: { type: "answerAttached", params: ({ event }) => ({ mismatches: event.output }) },
          },
        ],
        onError: {
          target: "attached",
          actions: { type: "answerNotCompared", params: ({ event }) => toFailure(event.error) },
        },
      },
      on: { "pod.detachWanted": { target: "detaching", actions: overtaking } },
      after: {
        check: {
          target: "attached",
          actions: { type: "answerNotCompared", params: timeout("checking", limits.check) },
        },
      },
    },
    // Its limit counts on while attempts and pauses take turns: for a removal that goes on for ever the alert must fire.
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
              actions: { type: "answerLingers", params: ({ event }) => toFailure(event.error) },
            },
          },
          on: {
            "detach.failed": {
              target: "pausing",
              actions: { type: "answerLingers", params: ({ event }) => event.failure },
            },
          },
          initial: "unrouting",
          states: {
            unrouting: {
              meta: { limit: { ms: limits.detach, means: "the kernel worker does not answer a DEL" } },
              on: { "detach.unrouted": { target: "releasing", actions: "answerUnrouted" } },
              after: {
                detach: {
                  target: "#pod.detaching.pausing",
                  actions: { type: "answerLingers", params: timeout("detaching", limits.detach) },
                },
              },
            },
            releasing: {
              meta: {
                limit: { ms: limits.release, means: "a link that was deleted is still in the kernel" },
              },
              on: {
                "detach.released": {
                  target: "#pod.idle",
                  actions: { type: "keepRelease", params: ({ event }) => event },
                },
                "pod.detachWanted": { actions: [overtaking, "answerDetached"] },
              },
              // Asking again is harmless: what is already so counts as done.
              after: { release: { target: "#pod.detaching.trying", reenter: true } },
            },
          },
        },
        pausing: {
          meta: { limit: { ms: limits.pause, means: "waiting to remove an attachment again" }, log: "warn" },
          entry: "countFailedRemoval",
          on: { "pod.detachWanted": { target: "trying", actions: overtaking } },
          after: { pause: "trying" },
        },
      },
    },
    idle: {
      meta: {
        limit: { ms: limits.idle, means: "the registry neither releases a pod nor gives it addresses" },
      },
      entry: "reportIdle",
      always: { guard: "checkIsNext", actions: "answerNotAttached" },
      on: {
        "pod.detachWanted": { actions: [overtaking, "answerDetached"] },
        "pod.planned": [
          {
            guard: { type: "isNext", params: ({ event }) => event },
            target: "attaching",
            actions: ["tellStarted", { type: "takePlan", params: ({ event }) => event }],
          },
          // Its ADD ended meanwhile: the addresses go back.
          { target: "idle", reenter: true },
        ],
        "pod.refused": { actions: { type: "refuse", params: ({ event }) => event } },
        "pod.release": [{ guard: "failed", target: "failed" }, { target: "gone" }],
      },
    },
    gone: { type: "final" },
    failed: { type: "final" },
  },
});
