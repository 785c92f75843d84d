import { not } from "xstate";
import { keepError } from "../support/keep-failure.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import { timeout } from "../support/timeout.ts";
import type { WatchedChange } from "../watch/watch-events.ts";
import { initialPolicy, policyLimits as limits, policyPauses, policySetup } from "./policy-setup.ts";

const hear = {
  type: "hear",
  params: ({ event }: { event: WatchedChange<"networkPolicies" | "namespaces" | "clusterPods"> }) => event,
} as const;
const crashes = { target: "crashed", actions: keepError } as const;

/**
 * What this node's pods may send and be sent, by the cluster's NetworkPolicies. A pod asks before its first packet, and is answered once the
 * table in the kernel says what its policies do. Without the API server, and without this daemon, what was in force stays.
 */
export const policyMachine = policySetup.createMachine({
  id: "policy",
  context: ({ input }) => initialPolicy(input),
  options: { maxIterations: 1_000 },
  on: {
    "policies.wanted": { actions: { type: "want", params: ({ event }) => event } },
    "policies.released": { actions: { type: "release", params: ({ event }) => event } },
    "pods.recovered": { actions: "noteRecovered" },
    "nodes.changed": { actions: { type: "keepNodes", params: ({ event }) => event } },
    "table.changed": { actions: { type: "suspect", params: ({ event }) => event.failure } },
    "watch.lost": { actions: { type: "doubt", params: ({ event }) => event } },
    "watch.restored": { actions: { type: "trustAgain", params: ({ event }) => event } },
  },
  initial: "recalling",
  states: {
    recalling: {
      meta: stuckAfter(limits.recalling, "the state directory cannot be read"),
      invoke: {
        src: "recall",
        onDone: {
          target: "working",
          actions: { type: "keepRecalled", params: ({ event }) => event.output },
        },
        onError: { target: "working", actions: keepError },
      },
      after: { recalling: "working" },
    },
    working: {
      type: "parallel",
      entry: ["tellMemory", "tellFlows"],
      invoke: [
        {
          id: "memory",
          src: "memory",
          input: ({ context: { seed } }) => ({ seed }),
          onError: crashes,
        },
        { id: "flows", src: "flows", onError: crashes },
        // Without it the table is loaded anew by a restart alone.
        { src: "watchTable", id: "watchTable", onError: { actions: keepError } },
        {
          id: "policies",
          src: "watch",
          input: ({ context: { seed }, self }) => ({
            source: "networkPolicies" as const,
            seed,
            parent: self,
          }),
          onError: crashes,
        },
        {
          id: "namespaces",
          src: "watch",
          input: ({ context: { seed }, self }) => ({ source: "namespaces" as const, seed, parent: self }),
          onError: crashes,
        },
        {
          id: "pods",
          src: "watch",
          input: ({ context: { seed }, self }) => ({ source: "clusterPods" as const, seed, parent: self }),
          onError: crashes,
        },
      ],
      on: {
        "watch.listed": { actions: hear },
        "watch.changed": { actions: hear },
      },
      states: {
        knowledge: {
          initial: "unknown",
          states: {
            unknown: {
              meta: stuckAfter(
                limits.listing,
                "policies, namespaces or pods are not known: what an earlier daemon left in force stays",
              ),
              always: { guard: "isCurrent", target: "current" },
            },
            current: {
              meta: mayLast("each change of a policy, a namespace or a pod is told"),
              entry: "forgetFailure",
              always: { guard: "isLost", target: "stale" },
            },
            stale: {
              meta: stuckAfter(limits.stale, "the API server is away: the policies of before stay in force"),
              always: { guard: not("isLost"), target: "current" },
            },
          },
        },
        table: {
          initial: "awaiting",
          states: {
            awaiting: {
              meta: stuckAfter(
                limits.trust,
                "what policies follow from is not known: what an earlier daemon left stays, and new pods wait",
              ),
              always: { guard: "canPlan", target: "enforcing" },
              after: { trust: "unheard" },
            },
            unheard: {
              meta: stuckAfter(
                limits.listing,
                "the API server does not say what policies follow from, nor does the state directory: new pods wait",
                "warn",
              ),
              always: [
                { guard: "canPlan", target: "enforcing" },
                { guard: "canPlanByMemory", target: "enforcing" },
              ],
            },
            enforcing: {
              meta: stuckAfter(limits.enforce, "the kernel or nft does not answer"),
              entry: "orderNext",
              invoke: {
                src: "enforce",
                input: ({ context }) => context.order,
                onDone: {
                  target: "rateLimited",
                  actions: { type: "keepInForce", params: ({ event }) => event.output },
                },
                onError: { target: "backingOff", actions: [keepError, "countFailure"] },
              },
              after: {
                enforce: {
                  target: "backingOff",
                  actions: [
                    { type: "keepFailure", params: timeout("the change of policies", limits.enforce) },
                    "countFailure",
                  ],
                },
              },
            },
            rateLimited: {
              meta: stuckAfter(limits.rateLimited, "policies changed a moment ago"),
              always: { guard: "isAwaited", target: "enforcing" },
              after: { rateLimited: "inForce" },
            },
            inForce: {
              meta: mayLast("what policies forbid this node's pods is refused"),
              always: [
                { guard: "isChanged", target: "undone" },
                { guard: "differs", target: "enforcing" },
              ],
            },
            // Left at once.
            undone: {
              meta: mayLast("another program changed the table of policies", "warn"),
              entry: "keepChange",
              always: "enforcing",
            },
            backingOff: {
              meta: stuckAfter(
                policyPauses.reload,
                "the kernel or nft does not take the policies: the former ones are in force, and new pods wait",
                "error",
              ),
              after: { reload: "enforcing" },
            },
          },
        },
        calls: {
          initial: "answering",
          always: { guard: "isReady", actions: "answer" },
          states: {
            answering: {
              meta: mayLast("a pod is answered once its policies are in force"),
              always: { guard: "lacksLabels", target: "awaitingLabels" },
            },
            awaitingLabels: {
              meta: stuckAfter(limits.labels, "the API server has not told of a pod that its kubelet starts"),
              always: { guard: not("lacksLabels"), target: "answering" },
              after: { labels: { target: "answering", actions: "insist" } },
            },
          },
        },
        objects: {
          initial: "readable",
          states: {
            readable: {
              meta: mayLast("every policy is enforced as it is written"),
              always: { guard: "hasProblem", target: "refused" },
            },
            refused: {
              meta: stuckAfter(
                limits.problem,
                "a policy cannot be read, or is over this node's limits: the log names it",
                "warn",
              ),
              entry: "keepProblem",
              always: { guard: not("hasProblem"), target: "readable" },
            },
          },
        },
      },
    },
    crashed: {
      meta: stuckAfter(
        limits.crashed,
        "a watch failed and is started again: what is in force stays",
        "error",
      ),
      entry: "doubtAll",
      after: { crashed: "working" },
    },
  },
});
