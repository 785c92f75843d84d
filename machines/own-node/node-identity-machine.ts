import { assign, enqueueActions, not, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { NodeIdentity } from "../../src/domain/kubernetes/kubernetes-objects.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";

export type NodeIdentityEvent =
  /** Headscale says that this is who we are in the tailnet; and where the metrics are for pods. */
  | { readonly type: "identity.wanted"; readonly identity: NodeIdentity }
  /** What the Node says, empty where it says nothing; null: there is no Node. */
  | { readonly type: "identity.seen"; readonly identity: NodeIdentity | null };

interface NodeIdentityContext {
  readonly seed: string;
  /** Null until known: what the Node says stays until then. */
  readonly wanted: NodeIdentity | null;
  /** Null: there is no Node, or it was not heard of yet. */
  readonly seen: NodeIdentity | null;
  readonly attempt: number;
  readonly failure: Failure | null;
}

const limits = { publishing: 12_000 };
const retry = { firstMs: 500, maxMs: 60_000 };

/**
 * Keeps the Node's word of which tailnet node this is: only by it other nodes believe this node's prefixes. It is said at once and
 * again whenever somebody changed it; it waits for nothing but Headscale's login and the API server, so that no two nodes wait for each other.
 */
export const nodeIdentityMachine = setup({
  types: {} as MachineTypes & {
    input: { readonly seed: string };
    context: NodeIdentityContext;
    events: NodeIdentityEvent;
  },
  actors: {
    /** Gives back what was published. */
    publish: notProvided<NodeIdentity, NodeIdentity>("node.publishIdentity"),
  },
  actions: {
    keepWanted: assign({ wanted: (_, identity: NodeIdentity) => identity }),
    keepSeen: assign({ seen: (_, identity: NodeIdentity | null) => identity }),
    countFailure: assign({ attempt: ({ context }) => context.attempt + 1 }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    forgetFailure: assign({ failure: null, attempt: 0 }),
  },
  guards: {
    isAsWanted: ({ context: { wanted, seen } }) =>
      wanted === null ||
      seen === null ||
      (seen.nodeId === wanted.nodeId && seen.metricsAt === wanted.metricsAt),
  },
  delays: {
    ...limits,
    backoff: ({ context }) => backoffDelay(context.attempt - 1, retry, context.seed),
  },
}).createMachine({
  id: "nodeIdentity",
  context: ({ input: { seed } }) => ({ seed, wanted: null, seen: null, attempt: 0, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "resting",
  on: {
    "identity.wanted": { actions: { type: "keepWanted", params: ({ event }) => event.identity } },
    "identity.seen": { actions: { type: "keepSeen", params: ({ event }) => event.identity } },
  },
  states: {
    resting: {
      meta: mayLast("the Node names its tailnet node, or there is no Node or no login yet"),
      always: { guard: not("isAsWanted"), target: "publishing" },
    },
    publishing: {
      meta: stuckAfter(limits.publishing, "the API server does not accept the Node's tailnet node"),
      invoke: {
        src: "publish",
        input: ({ context: { wanted } }) => wanted ?? { nodeId: "", metricsAt: "" },
        onDone: {
          target: "resting",
          actions: ["forgetFailure", { type: "keepSeen", params: ({ event }) => event.output }],
        },
        onError: { target: "backingOff", actions: [keepError, "countFailure"] },
      },
      after: {
        publishing: {
          target: "backingOff",
          actions: [
            {
              type: "keepFailure",
              params: { code: "TIMEOUT", message: "the API server did not answer in time" },
            },
            "countFailure",
          ],
        },
      },
    },
    backingOff: {
      meta: stuckAfter(
        retry.maxMs,
        "the API server refuses this node's tailnet node: other nodes refuse this one's pods",
        "warn",
      ),
      after: { backoff: "resting" },
    },
  },
});
