import { keepError } from "../support/keep-failure.ts";
import type { WatchedChange, WatchReport } from "../watch/watch-events.ts";
import {
  foundPrefixes,
  initialOwnNode,
  ownNodeLimits as limits,
  ownNodeSetup,
  whyConflicting,
  whyNone,
} from "./own-node-setup.ts";

const keepOwn = [
  { type: "keepOwn", params: ({ event }: { event: WatchedChange<"ownNode"> }) => event },
  "tellSeen",
] as const;
const keepLoss = {
  type: "keepFailure",
  params: ({ event }: { event: Extract<WatchReport, { type: "watch.lost" }> }) => event.failure,
} as const;
const crashes = { target: "crashed", actions: keepError } as const;

/**
 * This node's own Node: which pod CIDRs are ours, and whether they still are. Pod CIDRs in force never change under
 * running pods: a daemon that has to change them begins anew.
 */
export const ownNodeMachine = ownNodeSetup.createMachine({
  id: "ownNode",
  context: ({ input }) => initialOwnNode(input),
  options: { maxIterations: 1_000 },
  on: {
    "attachments.changed": { actions: { type: "keepCount", params: ({ event }) => event } },
    "node.networkWanted": { actions: { type: "keepWanted", params: ({ event }) => event.condition } },
    "watch.restored": {},
  },
  initial: "working",
  states: {
    working: {
      entry: "tellWanted",
      invoke: [
        {
          id: "watch",
          src: "watch",
          input: ({ context: { seed }, self }) => ({ source: "ownNode" as const, seed, parent: self }),
          onError: crashes,
        },
        {
          id: "condition",
          src: "condition",
          input: ({ context: { seed } }) => ({ seed }),
          onError: crashes,
        },
      ],
      on: {
        "watch.listed": { actions: keepOwn },
        "watch.changed": { actions: keepOwn },
        "watch.lost": { actions: keepLoss },
        "node.networkWanted": {
          actions: [{ type: "keepWanted", params: ({ event }) => event.condition }, "tellWanted"],
        },
      },
      initial: "beginning",
      states: {
        beginning: {
          always: [
            { guard: "knows", target: "holding" },
            {
              guard: "isConfigured",
              target: "holding",
              actions: { type: "adopt", params: ({ context }) => context.configured },
            },
            { target: "recalling" },
          ],
        },
        recalling: {
          meta: { limit: { ms: limits.recalling, means: "the state directory cannot be read" } },
          invoke: {
            src: "recall",
            onDone: {
              target: "learning",
              actions: { type: "keepRemembered", params: ({ event }) => event.output },
            },
            onError: { target: "learning", actions: keepError },
          },
          after: { recalling: "learning" },
        },
        learning: {
          initial: "awaitingApiServer",
          always: {
            guard: "isUsable",
            target: "remembering",
            actions: { type: "adopt", params: ({ context }) => foundPrefixes(context) ?? [] },
          },
          on: {
            "watch.lost": [
              {
                guard: "remembers",
                target: "holding",
                actions: [keepLoss, { type: "adopt", params: ({ context }) => context.remembered }],
              },
              { actions: keepLoss },
            ],
          },
          states: {
            awaitingApiServer: {
              meta: {
                limit: { ms: limits.awaitingApiServer, means: "the API server does not answer at once" },
              },
              after: {
                awaitingApiServer: [
                  {
                    guard: "remembers",
                    target: "#ownNode.working.holding",
                    actions: { type: "adopt", params: ({ context }) => context.remembered },
                  },
                  { target: "waiting" },
                ],
              },
            },
            waiting: {
              meta: {
                limit: { ms: limits.waiting, means: "this node has no pod CIDR: /ready says why" },
                log: "warn",
              },
              entry: {
                type: "report",
                params: ({ context }) => ({ type: "node.waiting", reason: whyNone(context) }),
              },
              on: {
                "watch.lost": { target: "waiting", reenter: true, actions: keepLoss },
                "watch.listed": { target: "waiting", reenter: true, actions: keepOwn },
                "watch.changed": { target: "waiting", reenter: true, actions: keepOwn },
              },
            },
          },
        },
        remembering: {
          meta: { limit: { ms: limits.remembering, means: "the state directory takes no writes" } },
          invoke: {
            src: "remember",
            input: ({ context }) => ({ podCidrs: context.inForce }),
            onDone: "holding",
            // The node works without; only a start with the API server unreachable will not.
            onError: { target: "holding", actions: keepError },
          },
          after: { remembering: "holding" },
        },
        holding: {
          initial: "judging",
          on: {
            "watch.listed": { target: ".judging", actions: keepOwn },
            "watch.changed": { target: ".judging", actions: keepOwn },
          },
          states: {
            judging: {
              always: [
                { guard: "isUnheard", target: "unconfirmed" },
                { guard: "isAbsent", target: "absent" },
                { guard: "agrees", target: "agreed" },
                { target: "conflicting" },
              ],
            },
            unconfirmed: {
              meta: {
                limit: {
                  ms: limits.unconfirmed,
                  means: "the API server is away: this node goes on with the pod CIDR it had",
                },
                log: "warn",
              },
              entry: {
                type: "report",
                params: {
                  type: "node.agreed",
                  note: "the API server has not confirmed the pod CIDR yet",
                },
              },
            },
            agreed: {
              meta: { limit: "none", because: "the Node has the pod CIDR that this node works with" },
              entry: { type: "report", params: { type: "node.agreed", note: "" } },
            },
            absent: {
              meta: {
                limit: {
                  ms: limits.absent,
                  means: "this node's Node is gone: peers soon refuse its pods' addresses",
                },
                log: "warn",
              },
              entry: { type: "report", params: { type: "node.agreed", note: "this node's Node is gone" } },
            },
            conflicting: {
              meta: {
                limit: {
                  ms: limits.conflicting,
                  means: "the Node's pod CIDR changed under running pods: drain the node",
                },
                log: "error",
              },
              always: { guard: "mayMove", target: "#ownNode.working.moving" },
              entry: {
                type: "report",
                params: ({ context }) => ({ type: "node.conflicting", reason: whyConflicting(context) }),
              },
            },
          },
        },
        moving: {
          meta: {
            limit: { ms: limits.remembering, means: "the state directory takes no writes" },
            log: "warn",
          },
          invoke: {
            src: "remember",
            input: ({ context }) => ({ podCidrs: foundPrefixes(context) ?? [] }),
            onDone: "moved",
            // The next start asks the API server anyway.
            onError: { target: "moved", actions: keepError },
          },
          after: { remembering: "moved" },
        },
        moved: {
          meta: { limit: { ms: limits.moved, means: "the daemon does not end to begin anew" }, log: "warn" },
          entry: "reportMoved",
        },
      },
    },
    crashed: {
      meta: {
        limit: { ms: limits.crashed, means: "a part of this machine failed and is started again" },
        log: "error",
      },
      after: { crashed: "working" },
    },
  },
});
