import { assign, enqueueActions, sendTo, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import { nobodyBelieved } from "../../src/domain/tailnet/believed-prefixes.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided, notProvidedSource } from "../support/not-provided.ts";
import type { ChildEnd } from "../support/slots.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { AllowlistReport } from "./allowlist-events.ts";
import { allowlistKeeperMachine } from "./allowlist-keeper-machine.ts";
import { wireResolverMachine } from "./resolver-machine.ts";

/** The process, as the launcher knows it. */
interface LaunchedProcess {
  readonly pid: number;
  readonly startTime: string;
}

export type WireEvent =
  | AllowlistReport
  /** From the tailscaled that runs: its LocalAPI answers. */
  | { readonly type: "tailscaled.answered"; readonly process: LaunchedProcess }
  /** From the same: it is gone, or never came. */
  | { readonly type: "tailscaled.ended"; readonly failure: Failure }
  /** From the process's signals: end, and tailscaled first. */
  | { readonly type: "wire.stop" };

/** What the actor that runs tailscaled is told. */
export type LaunchCommand = { readonly type: "tailscaled.end" };

interface WireContext {
  readonly process: LaunchedProcess | null;
  /** Failures in a row: of making the tailnet namespace, or of a tailscaled that did not stay. */
  readonly failures: number;
  readonly failure: Failure | null;
  readonly seed: string;
  /** With Kubernetes: in the tailnet namespace only Nodes' prefixes are believed. */
  readonly guarded: boolean;
}

const limits = {
  prepare: 10_000,
  enclose: 10_000,
  start: 20_000,
  publish: 5_000,
  retry: 1_000,
  steady: 20_000,
  end: 8_000,
};
/** What ends a tailscaled that answered for this long is no failed start: the next one comes at once. */
const startedMs = 1_000;
const restart = { firstMs: 100, maxMs: 30_000 };

const prepared = [
  "forgetFailures",
  {
    type: "startResolver",
    params: ({ event }: { readonly event: { readonly output: readonly string[] } }) => event.output,
  },
] as const;

/**
 * headcni-wire: makes the tailnet namespace once, closes it to all that is not believed, and runs tailscaled in it for as long as it lives.
 * tailscaled is only ever started after it ended by itself; the tailnet namespace outlives it. Whatever the daemon does, or Headscale,
 * changes nothing here.
 */
export const wireMachine = setup({
  types: {} as MachineTypes & {
    input: { readonly seed: string; readonly guarded: boolean };
    context: WireContext;
    events: WireEvent | ChildEnd;
    children: { tailscaled: "tailscaled"; resolver: "resolver"; allowlistKeeper: "allowlistKeeper" };
  },
  actors: {
    /** Makes the tailnet namespace, joins it to the node and stands in it. Gives the nameservers that need headcni-resolver. */
    prepare: notProvided<readonly string[], void>("wire.prepare"),
    resolver: wireResolverMachine,
    allowlistKeeper: allowlistKeeperMachine,
    /** Runs one tailscaled from its start to its end. */
    tailscaled: notProvidedSource<LaunchCommand, undefined>("wire.tailscaled"),
    /** Tells the daemon who runs; null: nobody. */
    publish: notProvided<void, { readonly process: LaunchedProcess | null }>("wire.publish"),
    /** Takes that word back: there is no tailnet namespace any more. */
    retract: notProvided<void, void>("wire.retract"),
  },
  actions: {
    keepProcess: assign({ process: (_, process: LaunchedProcess) => process }),
    forgetProcess: assign({ process: null }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    forgetFailures: assign({ failures: 0, failure: null }),
    startResolver: enqueueActions(({ context: { seed }, enqueue }, addresses: readonly string[]) => {
      if (addresses.length > 0)
        enqueue.spawnChild("resolver", { id: "resolver", input: { addresses, seed } });
    }),
    startAllowlist: enqueueActions(({ context: { seed }, enqueue, self }) => {
      enqueue.spawnChild("allowlistKeeper", {
        id: "allowlistKeeper",
        input: { seed, parent: self, believed: nobodyBelieved },
      });
    }),
    stopEnded: enqueueActions(({ enqueue }, { actorId }: { readonly actorId: string }) => {
      enqueue.stopChild(actorId);
    }),
    endTailscaled: sendTo("tailscaled", { type: "tailscaled.end" }),
  },
  guards: { isGuarded: ({ context }) => context.guarded },
  delays: {
    ...limits,
    started: startedMs,
    restart: ({ context }) => backoffDelay(context.failures - 1, restart, context.seed),
  },
}).createMachine({
  id: "wire",
  context: ({ input }) => ({ ...input, process: null, failures: 0, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "preparing",
  on: {
    "wire.stop": ".leaving",
    // Without the resolver tailscaled still has the nameservers that it reaches itself.
    "xstate.done.actor.*": { actions: { type: "stopEnded", params: ({ event }) => event } },
    "xstate.error.actor.*": {
      actions: [keepError, { type: "stopEnded", params: ({ event }) => event }],
    },
  },
  states: {
    preparing: {
      meta: stuckAfter(limits.prepare, "the kernel does not create the tailnet namespace", "info"),
      invoke: {
        src: "prepare",
        onDone: [
          { guard: "isGuarded", target: "enclosing", actions: prepared },
          { target: "announcing", actions: prepared },
        ],
        onError: { target: "unprepared", actions: [keepError, "countFailure"] },
      },
    },
    unprepared: {
      meta: stuckAfter(restart.maxMs, "the tailnet namespace cannot be created", "error"),
      after: { restart: "preparing" },
    },
    // tailscaled passes its first packet with what is believed in force, or not at all.
    enclosing: {
      meta: stuckAfter(
        limits.enclose,
        "nft rejects the allowlist, and tailscaled waits for it: see the machine allowlist",
      ),
      entry: "startAllowlist",
      on: { "allowlist.inForce": "announcing" },
    },
    // The daemon keeps the node's routes into the tailnet namespace, also while nobody answers in it.
    announcing: {
      meta: stuckAfter(limits.publish, "wire.json cannot be written"),
      invoke: {
        src: "publish",
        input: { process: null },
        onDone: "serving",
        onError: { target: "serving", actions: keepError },
      },
    },
    serving: {
      invoke: {
        src: "tailscaled",
        id: "tailscaled",
        onError: { target: "fallen", actions: [keepError, "countFailure"] },
      },
      on: {
        "tailscaled.ended": {
          target: "fallen",
          actions: [{ type: "keepFailure", params: ({ event }) => event.failure }, "countFailure"],
        },
        "wire.stop": ".ending",
      },
      initial: "starting",
      states: {
        starting: {
          meta: stuckAfter(limits.start, "tailscaled was started and does not answer"),
          on: {
            "tailscaled.answered": {
              target: "publishing",
              actions: { type: "keepProcess", params: ({ event }) => event.process },
            },
          },
        },
        publishing: {
          meta: stuckAfter(limits.publish, "wire.json cannot be written"),
          invoke: {
            src: "publish",
            input: ({ context }) => ({ process: context.process }),
            onDone: "young",
            onError: { target: "unpublished", actions: keepError },
          },
        },
        // tailscaled runs, so it is left alone.
        unpublished: {
          meta: stuckAfter(limits.retry, "wire.json could not be written", "error"),
          after: { retry: "publishing" },
        },
        young: {
          meta: stuckAfter(limits.steady, "tailscaled started recently", "info"),
          after: { started: { actions: "forgetFailures" }, steady: "steady" },
        },
        steady: { meta: mayLast("tailscaled runs") },
        ending: {
          entry: "endTailscaled",
          meta: stuckAfter(limits.end, "tailscaled does not end", "info"),
          on: {
            "tailscaled.ended": "#wire.leaving",
            "tailscaled.answered": {},
            "wire.stop": {},
          },
        },
      },
    },
    fallen: {
      entry: "forgetProcess",
      meta: stuckAfter(limits.publish, "wire.json cannot be written", "warn"),
      invoke: {
        src: "publish",
        input: { process: null },
        onDone: "backingOff",
        onError: { target: "backingOff", actions: keepError },
      },
    },
    backingOff: {
      meta: stuckAfter(restart.maxMs, "tailscaled does not stay up: see its log"),
      after: { restart: "serving" },
    },
    leaving: {
      meta: stuckAfter(limits.publish, "wire.json cannot be removed"),
      on: { "wire.stop": {} },
      invoke: {
        src: "retract",
        onDone: "stopped",
        onError: { target: "stopped", actions: keepError },
      },
    },
    stopped: { type: "final" },
  },
});
