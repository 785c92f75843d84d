import { assign, type EventObject, enqueueActions, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import type { ServiceProxy } from "../../src/domain/kubernetes/service-proxy.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import { timeout } from "../support/timeout.ts";

/** What `health` hears, with each change. */
export interface ServiceProxyFact {
  readonly type: "serviceProxy.found";
  readonly proxy: ServiceProxy;
}

interface ServiceProxyInput {
  readonly health: Recipient<ServiceProxyFact>;
}

interface ServiceProxyContext extends ServiceProxyInput {
  /** Null before the first look. */
  readonly seen: ServiceProxy | null;
  readonly told: ServiceProxy | null;
  readonly failure: Failure | null;
}

const looking = 10_000;
/** A kube-proxy that starts anew is away for a moment: nothing counts when it is found twice, this far apart. */
const doubtMs = 60_000;
/** What kube-proxy is changes with its configuration only. */
const relookMs = 600_000;

/** What translates Services' addresses on this node: what HeadCNI does not support is named. */
export const serviceProxyMachine = setup({
  types: {} as MachineTypes & {
    input: ServiceProxyInput;
    context: ServiceProxyContext;
    events: EventObject;
  },
  actors: { look: notProvided<ServiceProxy, void>("serviceProxy.look") },
  actions: {
    keepSeen: enqueueActions(({ context: { health, seen, told }, enqueue }, proxy: ServiceProxy) => {
      enqueue.assign({ seen: proxy, failure: null });
      if (proxy === told || (proxy === "none" && seen !== "none")) return;
      enqueue.assign({ told: proxy });
      enqueue.sendTo(health, { type: "serviceProxy.found", proxy });
    }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    forgetSeen: assign({ seen: null }),
  },
  delays: {
    looking,
    relook: ({ context: { seen } }) => (seen === null || seen === "none" ? doubtMs : relookMs),
  },
}).createMachine({
  id: "serviceProxy",
  context: ({ input }) => ({ ...input, seen: null, told: null, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "looking",
  states: {
    looking: {
      meta: stuckAfter(looking, "nft does not answer"),
      invoke: {
        src: "look",
        onDone: { target: "resting", actions: { type: "keepSeen", params: ({ event }) => event.output } },
        onError: { target: "resting", actions: [keepError, "forgetSeen"] },
      },
      after: {
        looking: {
          target: "resting",
          actions: [{ type: "keepFailure", params: timeout("the check of Services", looking) }, "forgetSeen"],
        },
      },
    },
    resting: {
      meta: mayLast("checks now and then what translates Services' addresses"),
      after: { relook: "looking" },
    },
  },
});
