import { assign, enqueueActions, not, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { ServiceCidr } from "../../src/domain/kubernetes/kubernetes-objects.ts";
import { hearServiceCidrs, servicePrefixes } from "../../src/domain/kubernetes/service-cidrs.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { WatchedChange, WatchReport } from "../watch/watch-events.ts";
import { watchMachine } from "../watch/watch-machine.ts";

/** What the root hears: the prefixes of all ServiceCIDR objects, with each change. */
export interface ServiceCidrsReport {
  readonly type: "services.changed";
  readonly prefixes: readonly string[];
}

export interface ServiceCidrsInput {
  /** This node's name. */
  readonly seed: string;
  /** What the state directory holds: stands until the API server is heard. */
  readonly remembered: readonly string[];
  readonly parent: Recipient<ServiceCidrsReport>;
}

interface ServiceCidrsContext extends ServiceCidrsInput {
  readonly objects: readonly ServiceCidr[];
  /** What the parent was told, or had at first. */
  readonly prefixes: readonly string[];
  readonly attempt: number;
  readonly failure: Failure | null;
}

const limits = { writing: 5_000, keeping: 60_000, crashed: 5_000 };
const retry = { firstMs: 500, maxMs: 30_000 };

const hear = {
  type: "hear",
  params: ({ context, event }: { context: ServiceCidrsContext; event: WatchedChange<"serviceCidrs"> }) =>
    hearServiceCidrs(context.objects, event),
} as const;

/** The cluster's ServiceCIDR objects, and the memory of them by which a daemon starts while the API server is away. */
export const serviceCidrsMachine = setup({
  types: {} as MachineTypes & {
    input: ServiceCidrsInput;
    context: ServiceCidrsContext;
    events: WatchReport<"serviceCidrs">;
    children: { watch: "watch" };
  },
  actors: {
    watch: watchMachine,
    /** Gives back what it wrote. */
    remember: notProvided<readonly string[], { readonly prefixes: readonly string[] }>(
      "serviceCidrs.remember",
    ),
  },
  actions: {
    hear: enqueueActions(
      ({ context: { parent, prefixes: before }, enqueue }, objects: readonly ServiceCidr[]) => {
        const prefixes = servicePrefixes(objects);
        enqueue.assign({ objects });
        if (same(prefixes, before)) return;
        enqueue.assign({ prefixes });
        enqueue.sendTo(parent, { type: "services.changed", prefixes });
      },
    ),
    keepRemembered: assign({
      remembered: (_, prefixes: readonly string[]) => prefixes,
      attempt: 0,
      failure: null,
    }),
    countFailure: assign({ attempt: ({ context }) => context.attempt + 1 }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    forgetFailure: assign({ failure: null }),
  },
  guards: {
    isRemembered: ({ context: { prefixes, remembered } }) => same(prefixes, remembered),
  },
  delays: {
    ...limits,
    retry: ({ context }) => backoffDelay(context.attempt - 1, retry, context.seed),
  },
}).createMachine({
  id: "serviceCidrs",
  context: ({ input }) => ({ ...input, objects: [], prefixes: input.remembered, attempt: 0, failure: null }),
  options: { maxIterations: 1_000 },
  on: { "watch.lost": {}, "watch.restored": {} },
  initial: "working",
  states: {
    working: {
      invoke: {
        id: "watch",
        src: "watch",
        input: ({ context: { seed }, self }) => ({ source: "serviceCidrs" as const, seed, parent: self }),
        onError: { target: "crashed", actions: keepError },
      },
      on: {
        "watch.listed": { actions: hear },
        "watch.changed": { actions: hear },
      },
      initial: "kept",
      states: {
        kept: {
          meta: mayLast("the state directory has the latest ServiceCIDR objects"),
          always: { guard: not("isRemembered"), target: "keeping" },
        },
        keeping: {
          meta: stuckAfter(
            limits.keeping,
            "the state directory is not writable: a start without the API server uses older ServiceCIDR objects",
            "warn",
          ),
          initial: "writing",
          states: {
            writing: {
              meta: stuckAfter(limits.writing, "the state directory is not writable"),
              invoke: {
                src: "remember",
                input: ({ context: { prefixes } }) => ({ prefixes }),
                onDone: {
                  target: "#serviceCidrs.working.kept",
                  actions: { type: "keepRemembered", params: ({ event }) => event.output },
                },
                onError: { target: "backingOff", actions: [keepError, "countFailure"] },
              },
            },
            backingOff: {
              meta: stuckAfter(retry.maxMs, "the state directory was not writable; retrying"),
              after: { retry: "writing" },
            },
          },
        },
      },
    },
    crashed: {
      meta: stuckAfter(
        limits.crashed,
        "the watch of ServiceCIDR objects failed and is being restarted",
        "error",
      ),
      after: { crashed: { target: "working", actions: "forgetFailure" } },
    },
  },
});

function same(one: readonly string[], other: readonly string[]): boolean {
  return one.join() === other.join();
}
