import { toFailure } from "../../src/domain/failure.ts";
import type { WatchReport } from "../watch/watch-events.ts";
import {
  foundPrefixes,
  initialNode,
  nodeLimits as limits,
  type NodesNews,
  nodeSetup,
  type OwnNews,
  whyConflicting,
  whyNone,
} from "./node-setup.ts";

type News = Extract<WatchReport, { type: "watch.listed" | "watch.changed" }>;
const ofOwn = { type: "isOwn", params: ({ event }: { event: WatchReport }) => event } as const;
const ofNodes = { type: "isNodes", params: ({ event }: { event: WatchReport }) => event } as const;
const keepOwn = [
  { type: "keepOwn", params: ({ event }: { event: News }) => event as OwnNews },
  "tellSeen",
] as const;
const keepNodes = { type: "keepNodes", params: ({ event }: { event: News }) => event as NodesNews } as const;
const keepFailure = {
  type: "keepFailure",
  params: ({ event }: { event: { readonly error: unknown } }) => toFailure(event.error),
} as const;
const keepLoss = {
  type: "keepFailure",
  params: ({ event }: { event: Extract<WatchReport, { type: "watch.lost" }> }) => event.failure,
} as const;
const crashes = { target: "crashed", actions: keepFailure } as const;

/**
 * This node's own Node and the cluster's: which pod CIDRs are ours, whether they still are, and which prefixes peers may
 * announce. Pod CIDRs in force never change under running pods: a daemon that has to change them begins anew.
 */
export const nodeMachine = nodeSetup.createMachine({
  id: "node",
  context: ({ input }) => initialNode(input),
  options: { maxIterations: 1_000 },
  on: {
    "attachments.changed": { actions: { type: "keepCount", params: ({ event }) => event } },
    "node.networkWanted": { actions: { type: "keepWanted", params: ({ event }) => event.condition } },
    "watch.lost": {},
    "watch.restored": {},
  },
  initial: "working",
  states: {
    working: {
      type: "parallel",
      entry: "tellWanted",
      invoke: [
        {
          id: "ownWatch",
          src: "watch",
          input: ({ context: { seed }, self }) => ({ source: "ownNode" as const, seed, parent: self }),
          onError: crashes,
        },
        {
          id: "nodesWatch",
          src: "watch",
          input: ({ context: { seed }, self }) => ({ source: "nodes" as const, seed, parent: self }),
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
        "node.networkWanted": {
          actions: [{ type: "keepWanted", params: ({ event }) => event.condition }, "tellWanted"],
        },
      },
      states: {
        own: {
          initial: "beginning",
          on: {
            "watch.listed": { guard: ofOwn, actions: keepOwn },
            "watch.lost": { guard: ofOwn, actions: keepLoss },
            "watch.changed": { guard: ofOwn, actions: keepOwn },
          },
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
                onError: { target: "learning", actions: keepFailure },
              },
              after: { recalling: "learning" },
            },
            learning: {
              initial: "hoping",
              always: {
                guard: "isUsable",
                target: "remembering",
                actions: { type: "adopt", params: ({ context }) => foundPrefixes(context) ?? [] },
              },
              on: {
                "watch.lost": {
                  guard: { type: "isOwnAndRemembers", params: ({ event }) => event },
                  target: "holding",
                  actions: { type: "adopt", params: ({ context }) => context.remembered },
                },
              },
              states: {
                hoping: {
                  meta: { limit: { ms: limits.hoping, means: "the API server does not answer at once" } },
                  after: {
                    hoping: [
                      {
                        guard: "remembers",
                        target: "#node.working.own.holding",
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
                    "watch.lost": { guard: ofOwn, target: "waiting", reenter: true, actions: keepLoss },
                    "watch.listed": {
                      guard: ofOwn,
                      target: "waiting",
                      reenter: true,
                      actions: keepOwn,
                    },
                    "watch.changed": {
                      guard: ofOwn,
                      target: "waiting",
                      reenter: true,
                      actions: keepOwn,
                    },
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
                // The node works without; only a start with the API server away will not.
                onError: { target: "holding", actions: keepFailure },
              },
              after: { remembering: "holding" },
            },
            holding: {
              initial: "judging",
              on: {
                "watch.listed": { guard: ofOwn, target: ".judging", actions: keepOwn },
                "watch.changed": { guard: ofOwn, target: ".judging", actions: keepOwn },
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
                  entry: {
                    type: "report",
                    params: { type: "node.agreed", note: "this node's Node is gone" },
                  },
                },
                conflicting: {
                  meta: {
                    limit: {
                      ms: limits.conflicting,
                      means: "the Node's pod CIDR changed under running pods: drain the node",
                    },
                    log: "error",
                  },
                  always: { guard: "mayMove", target: "#node.working.own.moving" },
                  entry: {
                    type: "report",
                    params: ({ context }) => ({
                      type: "node.conflicting",
                      reason: whyConflicting(context),
                    }),
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
                onError: { target: "moved", actions: keepFailure },
              },
              after: { remembering: "moved" },
            },
            moved: {
              meta: {
                limit: { ms: limits.moved, means: "the daemon does not end to begin anew" },
                log: "warn",
              },
              entry: {
                type: "report",
                params: ({ context }) => ({ type: "node.moved", prefixes: foundPrefixes(context) ?? [] }),
              },
            },
          },
        },
        cluster: {
          initial: "unknown",
          on: {
            "watch.listed": { guard: ofNodes, target: ".known", actions: keepNodes },
            "watch.changed": { guard: ofNodes, actions: keepNodes },
          },
          states: {
            unknown: {
              meta: {
                limit: {
                  ms: limits.listing,
                  means: "the cluster's Nodes are not known: peers are not judged",
                },
              },
            },
            known: {
              initial: "whole",
              states: {
                whole: {
                  meta: { limit: "none", because: "every Node that was there is still there" },
                  always: { guard: "someMissing", target: "parting" },
                },
                parting: {
                  meta: {
                    limit: { ms: limits.grace, means: "a Node disappeared; its prefix is soon withdrawn" },
                    log: "info",
                  },
                  always: { guard: "noneMissing", target: "whole" },
                  after: { grace: { target: "parting", reenter: true, actions: "turn" } },
                },
              },
            },
          },
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
