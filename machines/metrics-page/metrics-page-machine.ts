import { assign, enqueueActions, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvidedSource } from "../support/not-provided.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import { timeout } from "../support/timeout.ts";

export type MetricsPageEvent =
  /** All addresses are listened on. */
  { readonly type: "page.open" } | { readonly type: "page.failed"; readonly failure: Failure };

export interface MetricsPageInput {
  /** The node's own among pods' addresses, one for each family; the guard keeps them on the node. */
  readonly addresses: readonly string[];
}

interface MetricsPageContext extends MetricsPageInput {
  readonly failure: Failure | null;
}

const limits = { opening: 5_000, pause: 10_000 } as const;

/** Serves metrics to pods and other nodes, by the pod network: a Prometheus in the cluster needs no way to the underlay of nodes. */
export const metricsPageMachine = setup({
  types: {} as MachineTypes & {
    input: MetricsPageInput;
    context: MetricsPageContext;
    events: MetricsPageEvent;
  },
  actors: {
    /** Listens as long as it runs. */
    page: notProvidedSource<MetricsPageEvent, MetricsPageInput>("metricsPage.page"),
  },
  actions: {
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    forgetFailure: assign({ failure: null }),
  },
  delays: limits,
}).createMachine({
  id: "metricsPage",
  context: ({ input }) => ({ ...input, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "open",
  states: {
    open: {
      invoke: {
        src: "page",
        input: ({ context: { addresses } }) => ({ addresses }),
        onError: { target: "backingOff", actions: keepError },
      },
      on: {
        "page.failed": {
          target: "backingOff",
          actions: { type: "keepFailure", params: ({ event }) => event.failure },
        },
      },
      initial: "opening",
      states: {
        opening: {
          meta: stuckAfter(limits.opening, "the page for pods cannot be opened"),
          on: { "page.open": "serving" },
          after: {
            opening: {
              target: "#metricsPage.backingOff",
              actions: { type: "keepFailure", params: timeout("listening", limits.opening) },
            },
          },
        },
        serving: {
          meta: mayLast("a Prometheus in the cluster may read metrics", "info"),
          entry: "forgetFailure",
        },
      },
    },
    backingOff: {
      meta: stuckAfter(limits.pause, "metrics are not served to pods: who else has monitoring.port?", "warn"),
      after: { pause: "open" },
    },
  },
});
