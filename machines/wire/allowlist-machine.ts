import { assign, enqueueActions, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { NodeBinding } from "../../src/domain/kubernetes/node-bindings.ts";
import {
  type Believed,
  believedOf,
  type Netmap,
  type ServedRoutes,
  servesOtherwise,
} from "../../src/domain/tailnet/believed-prefixes.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided, notProvidedSource } from "../support/not-provided.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { AllowlistEvent, AllowlistInput } from "./allowlist-events.ts";

interface AllowlistContext extends AllowlistInput {
  /** Of the cluster's Nodes, as the daemon wrote them last; null before they are read. */
  readonly bindings: readonly NodeBinding[] | null;
  /** The last one; null before the first. */
  readonly netmap: Netmap | null;
  /** What is; null before the first time. */
  readonly inForce: Believed | null;
  /** The netmap changed since the last look began. */
  readonly hinted: boolean;
  /** Who changed the table since the last load began. */
  readonly changed: Failure | null;
  /** Loads that failed in a row. */
  readonly failures: number;
  readonly failure: Failure | null;
}

const limits = {
  readList: 5_000,
  readNetmap: 12_000,
  apply: 10_000,
  /** Between two loads, and between two looks at the netmap: peers decide how often what they announce changes. */
  applySpacing: 100,
  readSpacing: 200,
  recheck: 60_000,
  relook: 10_000,
  retry: 1_000,
  reopen: 200,
  rewatch: 500,
};
/** What is done to the table meanwhile is not heard. */
const unheard: Failure = {
  code: "TABLE_UNHEARD",
  message: "the allowlist's table was not watched for a moment",
};
const reload = { firstMs: 200, maxMs: 30_000 };

/**
 * Keeps what the tailnet namespace believes of the tailnet: prefixes that Nodes have, each while the tailnet node that its Node published
 * serves it. The list is the daemon's last word, the netmap tailscaled's; with either of them away, what it said last stands.
 */
export const allowlistMachine = setup({
  types: {} as MachineTypes & {
    input: AllowlistInput;
    context: AllowlistContext;
    events: AllowlistEvent;
  },
  actors: {
    /** Sends `list.changed` when the list may be another. */
    watchList: notProvidedSource<AllowlistEvent, undefined>("allowlist.watchList"),
    /** Null where there is none. */
    readList: notProvided<readonly NodeBinding[] | null, void>("allowlist.readList"),
    /** tailscaled's bus: sends `netmap.hinted` and at its end `netmap.closed`. */
    followNetmap: notProvidedSource<AllowlistEvent, undefined>("allowlist.followNetmap"),
    /** Null while tailscaled has no netmap. */
    readNetmap: notProvided<Netmap | null, void>("allowlist.readNetmap"),
    /** Hears of the table from its start: sends `table.changed` for what is no load of `apply`, and at its end `table.unwatched`. */
    watchTable: notProvidedSource<AllowlistEvent, undefined>("allowlist.watchTable"),
    /** Loads the table in the tailnet namespace, in one transaction; gives back what it was given. */
    apply: notProvided<Believed, { readonly believed: Believed }>("allowlist.apply"),
  },
  actions: {
    keepList: assign(({ context }, bindings: readonly NodeBinding[]) => ({
      bindings,
      believed: judged(context, { bindings }),
      failure: null,
    })),
    keepNetmap: assign(({ context }, netmap: Netmap | null) =>
      netmap === null ? { failure: null } : { netmap, believed: judged(context, { netmap }), failure: null },
    ),
    hint: assign({ hinted: true }),
    lookBegins: assign({ hinted: false }),
    doubt: assign((_, changed: Failure) => ({ changed })),
    loadBegins: assign({ changed: null }),
    keepChange: enqueueActions(({ context, enqueue }) => keep(enqueue, context.changed ?? unheard)),
    keepInForce: enqueueActions(({ context, enqueue }, inForce: Believed) => {
      enqueue.assign({ inForce, failures: 0, failure: null });
      if (context.inForce === null) enqueue.sendTo(context.parent, { type: "allowlist.inForce" });
    }),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
  },
  guards: {
    isListed: (_, bindings: readonly NodeBinding[] | null) => bindings !== null,
    isNews: ({ context }, routes: ServedRoutes | "unknown") =>
      routes === "unknown" || servesOtherwise(context.netmap?.routes ?? {}, routes),
    isHinted: ({ context }) => context.hinted,
    isChanged: ({ context }) => context.changed !== null,
    differs: ({ context: { believed, inForce } }) => JSON.stringify(believed) !== JSON.stringify(inForce),
  },
  delays: {
    ...limits,
    reload: ({ context }) => backoffDelay(context.failures - 1, reload, context.seed),
  },
}).createMachine({
  id: "allowlist",
  context: ({ input }) => ({
    ...input,
    bindings: null,
    netmap: null,
    inForce: null,
    hinted: false,
    changed: null,
    failures: 0,
    failure: null,
  }),
  options: { maxIterations: 1_000 },
  // It may miss what happens before its first look, so the list is also read every minute.
  invoke: { src: "watchList", id: "watchList", onError: { actions: keepError } },
  type: "parallel",
  states: {
    list: {
      initial: "reading",
      on: { "list.changed": ".reading" },
      states: {
        reading: {
          meta: stuckAfter(limits.readList, "the state directory cannot be read"),
          invoke: {
            src: "readList",
            onDone: [
              {
                guard: { type: "isListed", params: ({ event }) => event.output },
                target: "listed",
                actions: { type: "keepList", params: ({ event }) => event.output ?? [] },
              },
              { target: "unlisted" },
            ],
            onError: { target: "unreadable", actions: keepError },
          },
        },
        listed: {
          meta: mayLast("the daemon's list of Nodes is read"),
          after: { recheck: "reading" },
        },
        unlisted: {
          meta: stuckAfter(
            limits.recheck,
            "the daemon has written no list of Nodes yet: only what was allowed before is accepted",
            "warn",
          ),
          after: { recheck: "reading" },
        },
        unreadable: {
          meta: stuckAfter(
            limits.retry,
            "the list of Nodes cannot be read: the last one stays in force",
            "warn",
          ),
          after: { retry: "reading" },
        },
      },
    },
    netmap: {
      initial: "following",
      states: {
        following: {
          invoke: {
            src: "followNetmap",
            id: "followNetmap",
            onError: { target: "away", actions: keepError },
          },
          on: {
            "netmap.closed": "away",
            "netmap.hinted": {
              guard: { type: "isNews", params: ({ event }) => event.routes },
              actions: "hint",
            },
          },
          initial: "resting",
          states: {
            resting: {
              meta: mayLast("nothing changed in the netmap"),
              always: { guard: "isHinted", target: "reading" },
              // Some changes come without a hint.
              after: { relook: "reading" },
            },
            reading: {
              meta: stuckAfter(limits.readNetmap, "tailscaled does not answer on its socket"),
              entry: "lookBegins",
              // Told while the answer is on its way, it is news to the answer, whatever was known before.
              on: { "netmap.hinted": { actions: "hint" } },
              invoke: {
                src: "readNetmap",
                onDone: {
                  target: "rateLimited",
                  actions: { type: "keepNetmap", params: ({ event }) => event.output },
                },
                onError: { target: "backingOff", actions: keepError },
              },
            },
            rateLimited: {
              meta: stuckAfter(limits.readSpacing, "the netmap was just read"),
              after: { readSpacing: "resting" },
            },
            backingOff: {
              meta: stuckAfter(limits.retry, "tailscaled answered with an error"),
              after: { retry: "reading" },
            },
          },
        },
        away: {
          meta: stuckAfter(
            limits.reopen,
            "tailscaled does not report its netmap: the allowlist in force stays",
          ),
          after: { reopen: "following" },
        },
      },
    },
    // Before the table, so that no change of it is missed.
    watch: {
      initial: "hearing",
      states: {
        hearing: {
          meta: mayLast("listens for changes of the table"),
          invoke: {
            src: "watchTable",
            id: "watchTable",
            onError: { target: "deaf", actions: keepError },
          },
          on: {
            "table.changed": { actions: { type: "doubt", params: ({ event }) => event.failure } },
            "table.unwatched": {
              target: "deaf",
              actions: { type: "keepFailure", params: ({ event }) => event.failure },
            },
          },
        },
        deaf: {
          meta: stuckAfter(
            limits.rewatch,
            "the kernel does not report changes of the allowlist's table: it is reloaded twice a second",
            "warn",
          ),
          after: { rewatch: { target: "hearing", actions: { type: "doubt", params: unheard } } },
        },
      },
    },
    table: {
      initial: "applying",
      states: {
        applying: {
          meta: stuckAfter(limits.apply, "nft does not answer"),
          entry: "loadBegins",
          invoke: {
            src: "apply",
            input: ({ context: { believed } }) => ({ believed }),
            onDone: {
              target: "rateLimited",
              actions: { type: "keepInForce", params: ({ event }) => event.output },
            },
            onError: { target: "backingOff", actions: [keepError, "countFailure"] },
          },
        },
        rateLimited: {
          meta: stuckAfter(limits.applySpacing, "the allowlist was just loaded"),
          after: { applySpacing: "inForce" },
        },
        inForce: {
          meta: mayLast("the allowlist is in force"),
          always: [
            { guard: "isChanged", target: "undone" },
            { guard: "differs", target: "applying" },
          ],
        },
        // Left at once.
        undone: {
          meta: mayLast("another program changed the allowlist's table", "warn"),
          entry: "keepChange",
          always: "applying",
        },
        backingOff: {
          meta: stuckAfter(reload.maxMs, "nft rejects the allowlist: the last one stays in force", "error"),
          after: { reload: "applying" },
        },
      },
    },
  },
});

/** As both agree, once both are known. */
function judged(
  context: AllowlistContext,
  news: Partial<Pick<AllowlistContext, "bindings" | "netmap">>,
): Believed {
  const { bindings, netmap, believed } = { ...context, ...news };
  return bindings === null || netmap === null ? believed : believedOf(bindings, netmap);
}
