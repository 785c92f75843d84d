import { assign, enqueueActions, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import { type Failure, toFailure } from "../../src/domain/failure.ts";
import { widerScope } from "../../src/domain/guard/guard-changes.ts";
import {
  emptyLedger,
  longestTruceMs,
  recordRepairs,
  shortestTruce,
  underTruce,
} from "../../src/domain/guard/guard-ledger.ts";
import { keep } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided, notProvidedSource } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import { timeout } from "../support/timeout.ts";
import type {
  CheckResult,
  GuardContext,
  GuardEvent,
  GuardInput,
  GuardLook,
  KernelChanged,
  NamespaceHeld,
  RepairOrder,
  RepairResult,
} from "./guard-events.ts";

const limits = { checking: 10_000, repairing: 15_000, recheck: 60_000 };
const retries = { firstMs: 1_000, maxMs: 30_000 };

const failed = {
  type: "fail",
  params: ({ event }: { readonly event: { readonly error: unknown } }) => toFailure(event.error),
} as const;
const looked = {
  target: "checking",
  actions: { type: "lookAtChange", params: ({ event }: { readonly event: KernelChanged }) => event },
} as const;

/**
 * Keeps the network state HeadCNI needs in the node's namespace and in the tailnet namespace: checks when the
 * kernel says that something changed, and every minute; repairs; checks again. Its own changes lead to one more check, never to a repair.
 */
export const guardMachine = setup({
  types: {} as MachineTypes & { input: GuardInput; context: GuardContext; events: GuardEvent },
  actors: {
    /** Reads both namespaces and names what does not hold. */
    check: notProvided<CheckResult, GuardLook>("guard.check"),
    /** Reads again and repairs all it can. */
    repair: notProvided<RepairResult, RepairOrder>("guard.repair"),
    /** Sends `kernel.changed` for every gathered burst of notifications that may matter. */
    watch: notProvidedSource<GuardEvent, undefined>("guard.watch"),
  },
  actions: {
    openTailnet: assign((_, opener: Recipient<NamespaceHeld>) => ({
      opener,
      tailnetOpen: true,
      tailnetAwaited: false,
      reportedHeld: false,
    })),
    closeTailnet: assign({ tailnetOpen: false, tailnetAwaited: false, opener: null }),
    /** What is made for it is no repair of what somebody broke, and nobody's fight. */
    keepServices: assign(({ context: { ledger } }, services: readonly string[]) => ({
      services,
      ledger: { ...ledger, streaks: {} },
      everHeld: false,
      reportedHeld: false,
    })),
    lookAtAll: assign({ scope: "all" as const }),
    lookAtChange: assign({ scope: (_, { scope }: KernelChanged) => scope }),
    lookAtPending: assign({ scope: ({ context }) => context.pending ?? "all" }),
    rememberChange: assign({
      pending: ({ context }, { scope }: KernelChanged) => widerScope(context.pending, scope),
    }),
    /** What changed until now is seen by the check that begins. */
    takePending: assign({
      scope: ({ context }) => widerScope(context.pending, context.scope),
      pending: null,
    }),
    keepBroken: assign(({ context }, { broken, at }: CheckResult) => {
      const contested = underTruce(context.ledger, broken, at);
      return { broken, contested, truceMs: shortestTruce(context.ledger, contested, at) };
    }),
    countRepairs: assign({
      ledger: ({ context }, result: RepairResult) => recordRepairs(context.ledger, result, context.everHeld),
    }),
    fail: enqueueActions(({ context, enqueue }, failure: Failure) => {
      const retryMs = backoffDelay(context.attempts, retries, "guard");
      keep(enqueue, failure);
      enqueue.assign({
        retryMs,
        retryAt: null,
        attempts: context.attempts + 1,
        reportedHeld: false,
      });
      for (const to of [context.health, context.parent])
        enqueue.sendTo(to, { type: "guard.failed", failure });
    }),
    keepRetry: assign(({ context }, { at }: CheckResult) => {
      const retryAt = context.retryAt ?? at + context.retryMs;
      return { retryAt, retryMs: Math.max(retryAt - at, 0) };
    }),
    announceHeld: enqueueActions(({ context, enqueue }) => {
      enqueue.assign({ broken: [], contested: [], truceMs: 0, failure: null, attempts: 0 });
      if (context.tailnetAwaited || context.reportedHeld) return;
      if (context.opener !== null) enqueue.sendTo(context.opener, { type: "tailnetNamespace.held" });
      enqueue.assign({ everHeld: true, reportedHeld: true, opener: null });
      for (const to of [context.health, context.parent]) enqueue.sendTo(to, { type: "guard.held" });
    }),
    announceRepairing: enqueueActions(({ context, enqueue }) => {
      enqueue.assign({ reportedHeld: false });
      for (const to of [context.health, context.parent])
        enqueue.sendTo(to, { type: "guard.repairing", invariants: context.broken });
    }),
    announceFighting: enqueueActions(({ context, enqueue }) => {
      enqueue.assign({ reportedHeld: false });
      for (const to of [context.health, context.parent])
        enqueue.sendTo(to, { type: "guard.fighting", invariants: context.contested });
    }),
  },
  guards: {
    isRepairable: ({ context }, { broken, at }: CheckResult) =>
      broken.length > underTruce(context.ledger, broken, at).length,
    isContested: (_, { broken }: CheckResult) => broken.length > 0,
    changedMeanwhile: ({ context }) => context.pending !== null,
    /** The part that failed was not looked at. */
    failureStands: ({ context }) => context.failure !== null && context.scope !== "all",
    wasRefused: (_, { refused }: RepairResult) => refused.length > 0,
  },
  delays: {
    ...limits,
    retry: ({ context }) => context.retryMs,
    truce: ({ context }) => context.truceMs,
  },
}).createMachine({
  id: "guard",
  context: ({ input }) => ({
    ...input,
    tailnetOpen: false,
    tailnetAwaited: true,
    opener: null,
    scope: "all",
    pending: null,
    broken: [],
    contested: [],
    truceMs: 0,
    ledger: emptyLedger,
    failure: null,
    attempts: 0,
    retryMs: 0,
    retryAt: null,
    everHeld: false,
    reportedHeld: false,
  }),
  options: { maxIterations: 1_000 },
  initial: "checking",
  invoke: {
    src: "watch",
    // Without it there is still the look every minute.
    onError: { target: ".backingOff", actions: failed },
  },
  on: {
    "tailnetNamespace.opened": {
      target: ".checking",
      actions: [{ type: "openTailnet", params: ({ event }) => event.replyTo }, "lookAtAll"],
    },
    "services.changed": {
      target: ".checking",
      actions: [{ type: "keepServices", params: ({ event }) => event.prefixes }, "lookAtAll"],
    },
    "tailnetNamespace.closed": { target: ".checking", actions: ["closeTailnet", "lookAtAll"] },
    "kernel.changed": {
      actions: { type: "rememberChange", params: ({ event }) => event },
    },
  },
  states: {
    checking: {
      meta: stuckAfter(limits.checking, "the kernel or nft does not answer"),
      entry: "takePending",
      invoke: {
        src: "check",
        input: ({ context }) => lookOf(context),
        onDone: [
          {
            guard: { type: "isRepairable", params: ({ event }) => event.output },
            target: "repairing",
            actions: { type: "keepBroken", params: ({ event }) => event.output },
          },
          {
            guard: { type: "isContested", params: ({ event }) => event.output },
            target: "fighting",
            actions: { type: "keepBroken", params: ({ event }) => event.output },
          },
          { guard: "changedMeanwhile", target: "checking", reenter: true, actions: "lookAtPending" },
          {
            guard: "failureStands",
            target: "backingOff",
            actions: { type: "keepRetry", params: ({ event }) => event.output },
          },
          { target: "holding" },
        ],
        onError: { target: "backingOff", actions: failed },
      },
      after: {
        checking: {
          target: "backingOff",
          actions: { type: "fail", params: timeout("the check", limits.checking) },
        },
      },
    },
    repairing: {
      meta: stuckAfter(limits.repairing, "the kernel or nft does not finish a repair", "warn"),
      entry: "announceRepairing",
      invoke: {
        src: "repair",
        input: ({ context }) => ({ ...lookOf(context), leave: context.contested }),
        onDone: [
          {
            guard: { type: "wasRefused", params: ({ event }) => event.output },
            target: "backingOff",
            actions: [
              { type: "countRepairs", params: ({ event }) => event.output },
              { type: "fail", params: ({ event }) => firstRefusal(event.output) },
            ],
          },
          { target: "checking", actions: { type: "countRepairs", params: ({ event }) => event.output } },
        ],
        onError: { target: "backingOff", actions: failed },
      },
      after: {
        repairing: {
          target: "backingOff",
          actions: { type: "fail", params: timeout("the repair", limits.repairing) },
        },
      },
    },
    holding: {
      meta: mayLast("the desired state holds; it is checked after each change and every minute"),
      entry: "announceHeld",
      on: { "kernel.changed": looked },
      after: { recheck: { target: "checking", actions: "lookAtAll" } },
    },
    fighting: {
      meta: stuckAfter(
        longestTruceMs,
        "another program undoes the guard's repairs at once: find it",
        "error",
      ),
      entry: "announceFighting",
      on: { "kernel.changed": looked },
      after: { truce: { target: "checking", actions: "lookAtAll" } },
    },
    backingOff: {
      meta: stuckAfter(retries.maxMs, "a check or repair failed and is about to be tried again", "error"),
      on: { "kernel.changed": looked },
      after: { retry: { target: "checking", actions: "lookAtAll" } },
    },
  },
});

function lookOf({ scope, tailnetOpen, ownPrefixes, services }: GuardContext): GuardLook {
  return { scope, tailnetOpen, ownPrefixes, services };
}

/** Of what was refused, the first: the rest is tried again with it. */
function firstRefusal({ refused }: RepairResult): Failure {
  const [first] = refused;
  if (first === undefined) return { code: "UNEXPECTED", message: "a repair was refused without a reason" };
  return { code: first.failure.code, message: `${first.invariant}: ${first.failure.message}` };
}
