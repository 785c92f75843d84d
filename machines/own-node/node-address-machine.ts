import { assign, enqueueActions, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import {
  addressWay,
  type NodeAddressing,
  type WrittenAddresses,
  withoutRouterAddresses,
  withRouterAddresses,
} from "../../src/domain/kubernetes/node-address.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";

export interface NodeAddressEvent extends KnownAddresses {
  readonly type: "address.known";
}

/** All that ownNode knows of it, told whenever some of it may have changed. */
interface KnownAddresses {
  /** What the Node has; null: there is no Node, or it was not heard of yet. */
  readonly node: NodeAddressing | null;
  /** This node's addresses in the tailnet; empty until it has pod CIDRs. */
  readonly routers: readonly string[];
  /** Whether pods here can talk to pods elsewhere, so that others reach these addresses. */
  readonly reachable: boolean;
}

export interface NodeAddressInput {
  readonly seed: string;
  /** `kubernetes.publishNodeAddress`. */
  readonly publishes: boolean;
  readonly supernets: readonly string[];
}

interface NodeAddressContext extends NodeAddressInput, KnownAddresses {
  /** What the change was for that is being made. */
  readonly from: string;
  readonly attempt: number;
  /** How often others wrote over our addresses since these last stood for long. */
  readonly overruled: number;
  readonly failure: Failure | null;
}

/** kubelet writes within ten seconds, a cloud's controller every five minutes: who stands for longer is alone. */
const limits = {
  awaitingNetwork: 300_000,
  changing: 120_000,
  writing: 12_000,
  confirming: 5_000,
  young: 600_000,
  overruled: 60_000,
};
const retry = { firstMs: 500, maxMs: 60_000 };
const yielding = { firstMs: 10_000, maxMs: 3_600_000 };

const nothing: NodeAddressing = { addresses: [], replaced: null, annotated: false, uninitializedAt: -1 };

const toWays = {
  off: { guard: { type: "is", params: "off" }, target: "#nodeAddress.off" },
  awaitingNetwork: {
    guard: { type: "is", params: "awaitingNetwork" },
    target: "#nodeAddress.awaitingNetwork",
  },
  overruled: { guard: { type: "is", params: "overruled" }, target: "#nodeAddress.overruled" },
  published: { guard: { type: "is", params: "published" }, target: "#nodeAddress.published" },
  publish: { guard: { type: "is", params: "publish" }, target: "#nodeAddress.changing.publishing" },
  initialize: { guard: { type: "is", params: "initialize" }, target: "#nodeAddress.changing.initializing" },
  withdraw: { guard: { type: "is", params: "withdraw" }, target: "#nodeAddress.changing.withdrawing" },
} as const;
const { off, awaitingNetwork, overruled, published, publish, initialize, withdraw } = toWays;

const written = {
  onDone: "confirming",
  onError: { target: "backingOff", actions: [keepError, "countFailure"] },
} as const;
const late = {
  writing: {
    target: "backingOff",
    actions: [
      { type: "keepFailure", params: { code: "TIMEOUT", message: "the API server did not answer in time" } },
      "countFailure",
    ],
  },
} as const;

/**
 * Keeps this node's address in the tailnet as its Node's InternalIP, so that the API server reaches kubelet across NAT, and gives the Node
 * its own back once that is not wanted any more. It does not fight with others who write addresses: it comes back ever more rarely.
 */
export const nodeAddressMachine = setup({
  types: {} as MachineTypes & {
    input: NodeAddressInput;
    context: NodeAddressContext;
    events: NodeAddressEvent;
  },
  actors: {
    write: notProvided<void, { readonly seen: NodeAddressing; readonly wanted: WrittenAddresses }>(
      "node.writeAddresses",
    ),
    /** Removes the taint at its place. */
    initialize: notProvided<void, { readonly place: number }>("node.initialize"),
  },
  actions: {
    keepKnown: assign((_, { node, routers, reachable }: KnownAddresses) => ({ node, routers, reachable })),
    keepFrom: assign({ from: ({ context }) => addressWay(context) }),
    countFailure: assign({ attempt: ({ context }) => context.attempt + 1 }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    forgetFailure: assign({ failure: null, attempt: 0 }),
    countOverruled: assign({ overruled: ({ context }) => context.overruled + 1 }),
    forgetOverruled: assign({ overruled: 0 }),
  },
  guards: {
    is: ({ context }, way: keyof typeof toWays) => addressWay(context) === way,
    /** The watch shows what was written, or what others wrote since. */
    isShown: ({ context }) => addressWay(context) !== context.from,
  },
  delays: {
    writing: limits.writing,
    confirming: limits.confirming,
    young: limits.young,
    backoff: ({ context }) => backoffDelay(context.attempt - 1, retry, context.seed),
    yielding: ({ context }) => backoffDelay(context.overruled - 1, yielding, context.seed),
  },
}).createMachine({
  id: "nodeAddress",
  context: ({ input }) => ({
    ...input,
    node: null,
    routers: [],
    reachable: false,
    from: "",
    attempt: 0,
    overruled: 0,
    failure: null,
  }),
  options: { maxIterations: 1_000 },
  initial: "judging",
  on: {
    "address.known": { actions: { type: "keepKnown", params: ({ event }) => event } },
  },
  states: {
    judging: { always: [off, overruled, published, { target: "awaitingNetwork" }] },
    off: {
      meta: mayLast("kubernetes.publishNodeAddress is off, and the Node has no tailnet address"),
      always: [withdraw],
    },
    awaitingNetwork: {
      meta: stuckAfter(
        limits.awaitingNetwork,
        "waits for the Node and for this node's network before it publishes the tailnet address",
      ),
      always: [published, overruled, publish, initialize],
    },
    overruled: {
      meta: stuckAfter(
        limits.overruled,
        "others write the Node's addresses: kubelet without --cloud-provider=external, or a cloud's controller",
        "warn",
      ),
      entry: "countOverruled",
      always: [awaitingNetwork, published, publish, initialize],
      after: { yielding: "changing" },
    },
    published: {
      meta: mayLast("the Node's InternalIP is its tailnet address", "info"),
      always: [awaitingNetwork, overruled, publish, initialize],
      initial: "young",
      states: {
        young: {
          meta: mayLast("waits to see whether others overwrite it"),
          after: { young: "steady" },
        },
        steady: {
          meta: mayLast("no other writer changes the Node's addresses"),
          entry: "forgetOverruled",
        },
      },
    },
    changing: {
      meta: stuckAfter(limits.changing, "the API server does not accept the Node's addresses", "warn"),
      initial: "publishing",
      states: {
        publishing: {
          meta: stuckAfter(limits.writing, "the API server does not accept the Node's tailnet address"),
          entry: "keepFrom",
          invoke: {
            src: "write",
            input: ({ context: { node, routers, supernets } }) => ({
              seen: node ?? nothing,
              wanted: withRouterAddresses(node ?? nothing, routers, supernets),
            }),
            ...written,
          },
          after: late,
        },
        initializing: {
          meta: stuckAfter(limits.writing, "the API server does not remove the Node's taint `uninitialized`"),
          entry: "keepFrom",
          invoke: {
            src: "initialize",
            input: ({ context: { node } }) => ({ place: (node ?? nothing).uninitializedAt }),
            ...written,
          },
          after: late,
        },
        withdrawing: {
          meta: stuckAfter(limits.writing, "the API server does not restore the Node's own addresses"),
          entry: "keepFrom",
          invoke: {
            src: "write",
            input: ({ context: { node, supernets } }) => ({
              seen: node ?? nothing,
              wanted: withoutRouterAddresses(node ?? nothing, supernets),
            }),
            ...written,
          },
          after: late,
        },
        confirming: {
          meta: stuckAfter(
            limits.confirming,
            "the API server accepted the change, but its watch does not show it",
          ),
          entry: "forgetFailure",
          always: { guard: "isShown", target: "choosing" },
          after: { confirming: "choosing" },
        },
        backingOff: {
          meta: stuckAfter(retry.maxMs, "the API server did not accept the Node's addresses; retrying"),
          after: { backoff: "choosing" },
        },
        choosing: { always: [publish, initialize, withdraw, { target: "#nodeAddress.judging" }] },
      },
    },
  },
});
