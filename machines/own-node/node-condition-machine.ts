import { assign, enqueueActions, not, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { NetworkCondition } from "../../src/domain/kubernetes/kubernetes-objects.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";

export type NodeConditionEvent =
  | { readonly type: "condition.wanted"; readonly condition: NetworkCondition }
  /** What the Node has; null when it has no such condition. */
  | { readonly type: "condition.seen"; readonly network: NetworkCondition | null | "absent" };

interface NodeConditionContext {
  readonly seed: string;
  readonly wanted: NetworkCondition | null;
  /** "absent": there is no Node, or it was not heard of yet. */
  readonly seen: NetworkCondition | null | "absent";
  readonly attempt: number;
  readonly failure: Failure | null;
}

const limits = { doubting: 15_000, setting: 12_000 };
const retry = { firstMs: 1_000, maxMs: 300_000 };

/**
 * Keeps the Node's NetworkUnavailable condition true to what this node knows of itself, and puts it back when somebody
 * else changes it. Good news goes out at once; bad news only when it lasts, since it keeps new pods away from the node.
 */
export const nodeConditionMachine = setup({
  types: {} as MachineTypes & {
    input: { readonly seed: string };
    context: NodeConditionContext;
    events: NodeConditionEvent;
  },
  actors: {
    /** Gives back what was set. */
    setCondition: notProvided<NetworkCondition, { readonly condition: NetworkCondition }>(
      "node.setCondition",
    ),
  },
  actions: {
    keepWanted: assign({ wanted: (_, condition: NetworkCondition) => condition }),
    keepSeen: assign({ seen: (_, seen: NetworkCondition | null | "absent") => seen }),
    keepFailure: enqueueActions(({ context, enqueue }, failure: Failure) => {
      keep(enqueue, failure);
      enqueue.assign({ attempt: context.attempt + 1 });
    }),
    forgetFailure: assign({ failure: null, attempt: 0 }),
  },
  guards: {
    isAsWanted: ({ context }) => isAsWanted(context),
    isGoodNews: ({ context }) => !isAsWanted(context) && context.wanted?.status === "False",
  },
  delays: {
    ...limits,
    backoff: ({ context }) => backoffDelay(context.attempt - 1, retry, context.seed),
  },
}).createMachine({
  id: "nodeCondition",
  context: ({ input: { seed } }) => ({ seed, wanted: null, seen: "absent", attempt: 0, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "resting",
  on: {
    "condition.wanted": { actions: { type: "keepWanted", params: ({ event }) => event.condition } },
    "condition.seen": { actions: { type: "keepSeen", params: ({ event }) => event.network } },
  },
  states: {
    resting: {
      meta: mayLast("the Node's condition is current, or there is no Node"),
      always: { guard: not("isAsWanted"), target: "doubting" },
    },
    doubting: {
      meta: stuckAfter(limits.doubting, "the node's network has a problem, which its Node soon reports"),
      always: [
        { guard: "isAsWanted", target: "resting" },
        { guard: "isGoodNews", target: "setting" },
      ],
      after: { doubting: "setting" },
    },
    setting: {
      meta: stuckAfter(limits.setting, "the API server does not accept the Node's condition"),
      invoke: {
        src: "setCondition",
        input: ({ context: { wanted } }) => ({
          condition: wanted ?? { status: "Unknown", reason: "", message: "" },
        }),
        onDone: {
          target: "resting",
          actions: ["forgetFailure", { type: "keepSeen", params: ({ event }) => event.output }],
        },
        onError: { target: "backingOff", actions: keepError },
      },
      after: {
        setting: {
          target: "backingOff",
          actions: {
            type: "keepFailure",
            params: { code: "TIMEOUT", message: "the API server did not answer in time" },
          },
        },
      },
    },
    backingOff: {
      meta: stuckAfter(retry.maxMs, "the API server did not accept the Node's condition; retrying"),
      after: { backoff: "resting" },
    },
  },
});

function isAsWanted({ wanted, seen }: NodeConditionContext): boolean {
  if (wanted === null || seen === "absent") return true;
  return (
    seen !== null &&
    seen.status === wanted.status &&
    seen.reason === wanted.reason &&
    seen.message === wanted.message
  );
}
