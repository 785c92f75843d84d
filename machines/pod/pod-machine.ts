import { not } from "xstate";
import { toFailure } from "../../src/domain/failure.ts";
import { keepError } from "../support/keep-failure.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import { timeout } from "../support/timeout.ts";
import type { AttachmentCall } from "./pod-events.ts";
import { podLimits as limits, podSetup } from "./pod-setup.ts";

const ofEvent = { params: ({ event }: { readonly event: AttachmentCall }) => event } as const;
const overtaking = { type: "overtake", ...ofEvent } as const;
const taken = { type: "queueCall", ...ofEvent } as const;
const queued = { actions: [taken, { type: "tellQueued", ...ofEvent }] } as const;

/**
 * One interface of one sandbox, from ADD to the end of its link in the kernel, and all calls about it: they run one after
 * another, each is answered once and by the pod itself. An ADD that nobody wants any more waits for its kernel work to end
 * before the pod cleans up, because nothing stops that work. A pod whose link is gone is `idle` until its registry
 * releases it: a call that the registry hands on meanwhile would be lost with it.
 */
export const podMachine = podSetup.createMachine({
  id: "pod",
  context: ({ input }) => ({ ...input, queue: [], failure: null, releasedAtMs: 0, failedRemovals: 0 }),
  options: { maxIterations: 1_000 },
  initial: "deciding",
  on: {
    "pod.attachWanted": queued,
    "pod.checkWanted": queued,
    "pod.detachWanted": { actions: overtaking },
    "pod.withdrawn": { actions: { type: "withdraw", params: ({ event }) => event } },
  },
  states: {
    deciding: {
      always: [
        { guard: "startsAttached", target: "attached", actions: "wantPolicies" },
        { guard: "startsDetaching", target: "detaching" },
        { target: "enforcing" },
      ],
    },
    // Before its first packet, and before its link.
    enforcing: {
      meta: stuckAfter(limits.enforce, "the pod's network policies are not in force: see the machine policy"),
      entry: "wantPolicies",
      always: [
        { guard: not("isWanted"), target: "detaching" },
        { guard: "isUnjudged", target: "attaching" },
      ],
      on: { "policies.inForce": "attaching" },
      after: {
        enforce: {
          target: "detaching",
          actions: { type: "keepFailure", params: timeout("enforcing its network policies", limits.enforce) },
        },
      },
    },
    attaching: {
      meta: stuckAfter(limits.attach, "the kernel worker does not answer an ADD"),
      invoke: {
        id: "attach",
        src: "attach",
        input: ({ context }) => ({ plan: context.plan }),
        onDone: [
          {
            guard: "isWanted",
            target: "attached",
            actions: ["tellAssigned", { type: "answerAttached", params: { mismatches: [] } }],
          },
          { target: "detaching" },
        ],
        onError: { target: "detaching", actions: keepError },
      },
      after: {
        attach: {
          target: "detaching",
          actions: { type: "keepFailure", params: timeout("attaching", limits.attach) },
        },
      },
    },
    attached: {
      meta: mayLast("the pod runs", "info"),
      always: { guard: "hasCalls", target: "checking", actions: ["tellStarted", "takeNext"] },
      on: {
        // Taken in the same step.
        "pod.attachWanted": { actions: taken },
        "pod.checkWanted": { actions: taken },
        "pod.detachWanted": { target: "detaching", actions: overtaking },
      },
    },
    // For CHECK and for the same ADD again.
    checking: {
      meta: stuckAfter(limits.check, "the kernel worker does not answer a CHECK or a repeated ADD"),
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
      meta: stuckAfter(limits.removal, "what a deleted pod left is still in the kernel: see the log"),
      initial: "unrouting",
      states: {
        unrouting: {
          meta: stuckAfter(limits.detach, "the kernel worker does not answer a DEL"),
          invoke: {
            id: "detach",
            src: "detach",
            input: ({ context }) => ({ hostLink: context.plan.hostLink }),
            onDone: [
              {
                guard: { type: "lingers", params: ({ event }) => event.output },
                target: "releasing",
                actions: ["answerUnrouted", { type: "keepRelease", params: ({ event }) => event.output }],
              },
              {
                target: "#pod.idle",
                actions: ["answerUnrouted", { type: "keepRelease", params: ({ event }) => event.output }],
              },
            ],
            onError: {
              target: "backingOff",
              actions: { type: "answerLingers", params: ({ event }) => toFailure(event.error) },
            },
          },
          after: {
            detach: {
              target: "backingOff",
              actions: { type: "answerLingers", params: timeout("detaching", limits.detach) },
            },
          },
        },
        releasing: {
          meta: stuckAfter(limits.release, "a link that was deleted is still in the kernel"),
          entry: "tellLinkLeft",
          on: {
            "link.gone": "#pod.idle",
            "pod.detachWanted": { actions: [overtaking, "answerDetached"] },
          },
          // Asking again is harmless: what is already so counts as done.
          after: { release: "unrouting" },
        },
        backingOff: {
          meta: stuckAfter(limits.pause, "waits before it removes an attachment again", "warn"),
          entry: "countFailedRemoval",
          on: { "pod.detachWanted": { target: "unrouting", actions: overtaking } },
          after: { pause: "unrouting" },
        },
      },
    },
    idle: {
      meta: stuckAfter(limits.idle, "the registry neither releases a pod nor assigns it addresses"),
      entry: ["releasePolicies", "reportIdle"],
      always: { guard: "checkIsNext", actions: "answerNotAttached" },
      on: {
        "pod.detachWanted": { actions: [overtaking, "answerDetached"] },
        "pod.planned": [
          {
            guard: { type: "isNext", params: ({ event }) => event },
            target: "enforcing",
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
