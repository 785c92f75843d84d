import { not } from "xstate";
import { keepError } from "../support/keep-failure.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { WatchedChange } from "../watch/watch-events.ts";
import { initialPodWatch, podWatchLimits as limits, orphanOf, podWatchSetup } from "./pod-watch-setup.ts";

const keepPods = {
  type: "keepPods",
  params: ({ event }: { event: WatchedChange<"pods"> }) => event,
} as const;
const crashes = { target: "crashed", actions: keepError } as const;

/**
 * Joins Kubernetes' pods of this node to its attachments. An attachment whose pod is gone and in whose namespace nothing
 * lives, though no DEL ever came, is removed; what fails about a pod is told on the Pod.
 */
export const podWatchMachine = podWatchSetup.createMachine({
  id: "podWatch",
  context: ({ input }) => initialPodWatch(input),
  options: { maxIterations: 1_000 },
  on: {
    "attachments.changed": { actions: { type: "keepAttachments", params: ({ event }) => event } },
    // Where no state has a use for them.
    "call.refused": {},
    "watch.restored": {},
    "watch.lost": {},
    "pod.detached": {},
    "pod.failed": {},
  },
  initial: "working",
  states: {
    working: {
      type: "parallel",
      invoke: [
        {
          id: "watch",
          src: "watch",
          input: ({ context: { seed }, self }) => ({ source: "pods" as const, seed, parent: self }),
          onError: crashes,
        },
        {
          id: "reports",
          src: "reports",
          input: ({ context: { seed } }) => ({ seed }),
          onError: crashes,
        },
      ],
      on: {
        "attachments.changed": {
          actions: [
            { type: "keepAttachments", params: ({ event }) => event },
            { type: "settleReports", params: ({ event }) => event },
          ],
        },
        "call.refused": { actions: { type: "report", params: ({ event }) => event } },
      },
      states: {
        pods: {
          initial: "unknown",
          on: { "watch.listed": { target: ".current", actions: keepPods } },
          states: {
            unknown: {
              meta: stuckAfter(limits.listing, "this node's pods are not known: orphans stay"),
            },
            current: {
              meta: mayLast("the watch reports each change of this node's pods"),
              entry: ["isCurrent", "forgetFailure"],
              on: {
                "watch.changed": { actions: keepPods },
                "watch.lost": { target: "stale", actions: "doubt" },
              },
            },
            stale: {
              meta: stuckAfter(limits.stale, "the API server is unreachable: orphans stay"),
              on: {
                "watch.restored": "current",
                "watch.changed": { target: "current", actions: keepPods },
              },
            },
          },
        },
        suspicion: {
          initial: "calm",
          states: {
            calm: {
              meta: mayLast("each attachment has its pod"),
              always: { guard: "suspects", target: "suspecting" },
            },
            suspecting: {
              meta: stuckAfter(limits.orphaned, "an attachment's pod is gone, and it cannot be removed"),
              always: { guard: not("suspects"), target: "calm" },
              initial: "turning",
              states: {
                turning: {
                  meta: stuckAfter(limits.grace, "an attachment's pod is gone and no DEL came yet"),
                  after: { grace: { target: "turning", reenter: true, actions: "turn" } },
                },
              },
            },
          },
        },
        reclaiming: {
          initial: "resting",
          states: {
            resting: {
              meta: mayLast("there is no orphan"),
              always: { guard: "hasWork", target: "choosing", actions: "begin" },
            },
            choosing: {
              always: [
                { guard: "isNoSuspect", target: "resting", actions: "spare" },
                { target: "examining" },
              ],
            },
            examining: {
              meta: stuckAfter(limits.examining, "the node's processes cannot be listed"),
              invoke: {
                src: "examine",
                input: ({ context }) => ({ attachment: orphanOf(context) ?? nobody }),
                onDone: [
                  {
                    guard: { type: "isInUse", params: ({ event }) => event.output },
                    target: "rateLimited",
                    actions: ["forgetFailure", "spare"],
                  },
                  {
                    target: "detaching",
                    actions: ["forgetFailure", { type: "askToDetach", params: ({ event }) => event.output }],
                  },
                ],
                onError: { target: "rateLimited", actions: [keepError, "spare"] },
              },
              after: { examining: { target: "rateLimited", actions: "spare" } },
            },
            detaching: {
              meta: stuckAfter(limits.detaching, "an orphan cannot be removed: see its pod machine", "info"),
              on: {
                "pod.detached": {
                  guard: { type: "isAnswer", params: ({ event }) => event },
                  target: "rateLimited",
                  actions: "countReclaimed",
                },
                "pod.failed": {
                  guard: { type: "isAnswer", params: ({ event }) => event },
                  target: "rateLimited",
                  actions: "spare",
                },
              },
              after: { detaching: { target: "rateLimited", actions: "spare" } },
            },
            rateLimited: {
              meta: stuckAfter(limits.rateLimited, "waits before it removes the next orphan"),
              after: { rateLimited: "resting" },
            },
          },
        },
      },
    },
    crashed: {
      meta: stuckAfter(limits.crashed, "a part of this machine failed and is being restarted", "error"),
      entry: "doubt",
      after: { crashed: "working" },
    },
  },
});

const nobody = { key: "", network: "", containerId: "", ifname: "", podUid: "" };
