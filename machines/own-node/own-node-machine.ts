import { keepError } from "../support/keep-failure.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
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
const keepListed = [...keepOwn, "forgetFailure"] as const;
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
    "node.joined": { actions: { type: "keepJoined", params: ({ event }) => event } },
    "watch.restored": { actions: "forgetFailure" },
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
        {
          id: "identity",
          src: "identity",
          input: ({ context: { seed } }) => ({ seed }),
          onError: crashes,
        },
        {
          id: "address",
          src: "address",
          input: ({ context: { seed, publishesAddress: publishes, supernets } }) => ({
            seed,
            publishes,
            supernets,
          }),
          onError: crashes,
        },
      ],
      on: {
        "watch.listed": { actions: keepListed },
        "watch.changed": { actions: keepOwn },
        "watch.lost": { actions: keepLoss },
        "node.networkWanted": {
          actions: [{ type: "keepWanted", params: ({ event }) => event.condition }, "tellWanted"],
        },
        "node.joined": {
          actions: [{ type: "keepJoined", params: ({ event }) => event }, "tellWanted"],
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
          meta: stuckAfter(limits.recalling, "the state directory cannot be read"),
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
            "watch.lost": {
              guard: "remembers",
              target: "holding",
              actions: [keepLoss, { type: "adopt", params: ({ context }) => context.remembered }],
            },
          },
          states: {
            awaitingApiServer: {
              meta: stuckAfter(limits.awaitingApiServer, "the API server has not answered yet"),
              after: {
                awaitingApiServer: [
                  {
                    guard: "remembers",
                    target: "#ownNode.working.holding",
                    actions: { type: "adopt", params: ({ context }) => context.remembered },
                  },
                  { target: "awaitingPodCidr" },
                ],
              },
            },
            awaitingPodCidr: {
              meta: stuckAfter(limits.awaitingPodCidr, "this node has no pod CIDR: /ready says why", "warn"),
              entry: {
                type: "report",
                params: ({ context }) => ({ type: "node.waiting", reason: whyNone(context) }),
              },
              on: {
                "watch.lost": { target: "awaitingPodCidr", reenter: true, actions: keepLoss },
                "watch.listed": { target: "awaitingPodCidr", reenter: true, actions: keepListed },
                "watch.changed": { target: "awaitingPodCidr", reenter: true, actions: keepOwn },
              },
            },
          },
        },
        remembering: {
          meta: stuckAfter(limits.remembering, "the state directory is not writable"),
          invoke: {
            src: "remember",
            input: ({ context }) => ({ podCidrs: context.inForce }),
            onDone: { target: "holding", actions: "forgetFailure" },
            // The node works without; only a start with the API server unreachable will not.
            onError: { target: "holding", actions: keepError },
          },
          after: { remembering: "holding" },
        },
        holding: {
          initial: "judging",
          on: {
            "watch.listed": { target: ".judging", actions: keepListed },
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
              meta: stuckAfter(
                limits.unconfirmed,
                "the API server is unreachable: this node keeps its pod CIDR",
                "warn",
              ),
              entry: {
                type: "report",
                params: {
                  type: "node.agreed",
                  note: "the API server has not confirmed the pod CIDR yet",
                },
              },
            },
            agreed: {
              meta: mayLast("the Node has the pod CIDR that this node works with"),
              entry: { type: "report", params: { type: "node.agreed", note: "" } },
            },
            absent: {
              meta: stuckAfter(
                limits.absent,
                "this node's Node is gone: peers soon refuse its pods' addresses",
                "warn",
              ),
              entry: { type: "report", params: { type: "node.agreed", note: "this node's Node is gone" } },
            },
            conflicting: {
              meta: stuckAfter(
                limits.conflicting,
                "the Node's pod CIDR changed under running pods: drain the node",
                "error",
              ),
              always: { guard: "mayMove", target: "#ownNode.working.moving" },
              entry: {
                type: "report",
                params: ({ context }) => ({ type: "node.conflicting", reason: whyConflicting(context) }),
              },
            },
          },
        },
        moving: {
          meta: stuckAfter(limits.remembering, "the state directory is not writable", "warn"),
          invoke: {
            src: "remember",
            input: ({ context }) => ({ podCidrs: foundPrefixes(context) ?? [] }),
            onDone: { target: "moved", actions: "forgetFailure" },
            // The next start asks the API server anyway.
            onError: { target: "moved", actions: keepError },
          },
          after: { remembering: "moved" },
        },
        moved: {
          meta: stuckAfter(limits.moved, "the daemon does not restart", "warn"),
          entry: "reportMoved",
        },
      },
    },
    crashed: {
      meta: stuckAfter(limits.crashed, "a part of this machine failed and is being restarted", "error"),
      after: { crashed: "working" },
    },
  },
});
