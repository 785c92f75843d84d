import { assign, sendTo, setup, stopChild } from "xstate";
import { createPool } from "../../src/domain/address-pool.ts";
import { type Failure, toFailure } from "../../src/domain/failure.ts";
import { parsePrefix, routerAddress } from "../../src/domain/prefix.ts";
import { podMachine } from "../pod/pod-machine.ts";
import { timeout } from "../pod/pod-reports.ts";
import { notProvided } from "../support/not-provided.ts";
import { notProvidedSource } from "../support/not-provided-source.ts";
import type { Recipient } from "../support/recipient.ts";
import type { StateMeta } from "../support/state-limit.ts";
import type { PodsContext } from "./pods-context.ts";
import type {
  AttachmentCall,
  CollectCall,
  HintsChanged,
  PodAnswer,
  PodsEvent,
  PodsInput,
  PodsReport,
  Recovered,
} from "./pods-events.ts";
import { registryActions } from "./registry-actions.ts";

const limits = { start: 30_000, recovery: 10_000, pause: 1_000, drain: 10_000 } as const;

const podsSetup = setup({
  types: {
    context: {} as PodsContext,
    events: {} as PodsEvent,
    input: {} as PodsInput,
    meta: {} as StateMeta,
  },
  actors: {
    pod: podMachine,
    /** Cleans up what earlier daemons left half made and gives what is whole. */
    recover: notProvided<Recovered, { routerAddresses: readonly string[] }>("recover"),
    /** Writes down what the address pools should remember over a restart. */
    keepHints: notProvidedSource<HintsChanged, undefined>("keepHints"),
  },
  guards: {
    opened: ({ context }) => context.opened,
    allAnswered: ({ context }) =>
      context.collections.length === 0 &&
      context.rows.every((row) => row === null || (row.job === null && row.queue.length === 0)),
  },
  actions: {
    keepFailure: assign({ failure: (_, params: { failure: Failure }) => params.failure }),
    forgetFailure: assign({ failure: null }),
    rememberOpen: assign({ opened: true }),
    buildPools: assign(
      ({ context: { settings } }, { prefixes }: { readonly prefixes: readonly string[] }) => ({
        routerAddresses: prefixes.map((prefix) => routerAddress(parsePrefix(prefix))),
        pools: prefixes.map((prefix, index) => createPool(prefix, settings.seed + index)),
      }),
    ),
    keepRefusal: assign({ refusal: (_, { reason }: { readonly reason: string }) => reason }),
    changeRest: assign({
      settings: ({ context }, { restMs }: { readonly restMs: number }) => ({ ...context.settings, restMs }),
    }),
    answerStatus: sendTo(
      (_, call: { readonly requestId: string; readonly replyTo: Recipient<PodAnswer> }) => call.replyTo,
      ({ context }, { requestId }) => ({
        type: "pods.status",
        requestId,
        ready: context.failure === null,
        reason: context.failure?.message ?? "",
      }),
    ),
    report: sendTo(
      ({ context }) => context.parent,
      (_, report: PodsReport) => report,
    ),
    stopPod: stopChild((_, { actorId }: { readonly actorId: string }) => actorId),
  },
  delays: {
    startLimit: limits.start,
    recoveryLimit: limits.recovery,
    pause: limits.pause,
    drainLimit: limits.drain,
  },
}).extend({ actions: registryActions });

type HoldableCall = AttachmentCall | CollectCall;
const hold = { type: "hold", params: ({ event }: { event: HoldableCall }) => event } as const;
const admit = { type: "admit", params: ({ event }: { event: AttachmentCall }) => event } as const;
const collect = { type: "collect", params: ({ event }: { event: CollectCall }) => event } as const;
const refuse = { type: "refuse", params: ({ event }: { event: AttachmentCall }) => event } as const;

/** Nothing is served before the kernel's attachments are known. */
const holdAll = {
  "pod.attachWanted": { actions: hold },
  "pod.detachWanted": { actions: hold },
  "pod.checkWanted": { actions: hold },
  "pods.collectWanted": { actions: hold },
} as const;

const serveAllButAttach = {
  "pod.detachWanted": { actions: admit },
  "pod.checkWanted": { actions: admit },
  "pods.collectWanted": { actions: collect },
} as const;

/**
 * The registry of this node's attachments: gives addresses, runs one `pod` per attachment, lets the calls of one key wait
 * for each other, and answers every call once. What it decides is in the plain functions of this folder.
 */
export const podsMachine = podsSetup.createMachine({
  id: "pods",
  context: ({ input: { settings, parent } }) => ({
    settings,
    parent,
    routerAddresses: [],
    pools: [],
    rows: [],
    held: [],
    collections: [],
    opened: false,
    refusal: "",
    failure: null,
  }),
  options: { maxIterations: 1_000 },
  initial: "closed",
  // Losing hints costs nothing but hints.
  invoke: { id: "hints", src: "keepHints", onError: {} },
  on: {
    "attachment.*": { actions: { type: "settle", params: ({ event }) => event } },
    "pod.detached": { actions: { type: "settleCollected", params: ({ event }) => event } },
    "pod.failed": { actions: { type: "settleCollected", params: ({ event }) => event } },
    "pod.withdrawn": { actions: { type: "withdraw", params: ({ event }) => event } },
    "pods.statusWanted": { actions: { type: "answerStatus", params: ({ event }) => event } },
    "pods.restChanged": { actions: { type: "changeRest", params: ({ event }) => event } },
    "pods.open": { actions: "rememberOpen" },
    "pods.refuseAttach": { actions: { type: "keepRefusal", params: ({ event }) => event } },
    "pods.drain": ".draining",
    "xstate.done.actor.*": {
      // The slot must be empty before the row is closed: what waited for the key may begin in it at once.
      actions: [
        { type: "stopPod", params: ({ event }) => event },
        { type: "closeRow", params: ({ event }) => event },
      ],
    },
    "xstate.error.actor.*": {
      actions: [
        { type: "stopPod", params: ({ event }) => event },
        { type: "closeRow", params: ({ event }) => event },
      ],
    },
  },
  states: {
    closed: {
      meta: { limit: { ms: limits.start, means: "the kernel was not opened" } },
      on: {
        ...holdAll,
        "pods.recover": {
          target: "recovering",
          actions: { type: "buildPools", params: ({ event }) => event },
        },
      },
    },
    recovering: {
      meta: {
        limit: { ms: limits.recovery, means: "the kernel worker does not give back earlier attachments" },
      },
      invoke: {
        src: "recover",
        input: ({ context }) => ({ routerAddresses: context.routerAddresses }),
        onDone: {
          target: "recovered",
          actions: [
            { type: "adopt", params: ({ event }) => event.output },
            {
              type: "report",
              params: ({ event }) => ({ type: "pods.recovered", count: event.output.attachments.length }),
            },
            "forgetFailure",
          ],
        },
        onError: {
          target: "recoveryFailed",
          actions: { type: "keepFailure", params: ({ event }) => ({ failure: toFailure(event.error) }) },
        },
      },
      on: holdAll,
      after: {
        recoveryLimit: {
          target: "recoveryFailed",
          actions: {
            type: "keepFailure",
            params: () => ({ failure: timeout("recovering", limits.recovery) }),
          },
        },
      },
    },
    recoveryFailed: {
      meta: {
        limit: { ms: limits.pause, means: "waiting to read the kernel's attachments again" },
        log: "error",
      },
      on: holdAll,
      after: { pause: "recovering" },
    },
    recovered: {
      meta: { limit: { ms: limits.start, means: "the guard does not hold yet, ADDs wait" }, log: "info" },
      entry: "serveHeld",
      always: { guard: "opened", target: "ready" },
      on: { ...serveAllButAttach, "pod.attachWanted": { actions: hold } },
    },
    ready: {
      meta: { limit: "none", because: "this is where pods are served", log: "info" },
      entry: "serveHeld",
      on: { ...serveAllButAttach, "pod.attachWanted": { actions: admit } },
    },
    draining: {
      meta: { limit: { ms: limits.drain, means: "a call does not end" }, log: "info" },
      entry: "refuseHeld",
      always: { guard: "allAnswered", target: "drained" },
      on: { ...serveAllButAttach, "pod.attachWanted": { actions: refuse } },
      after: { drainLimit: "drained" },
    },
    drained: {
      meta: { limit: "none", because: "the root ends the process", log: "info" },
      entry: { type: "report", params: { type: "pods.drained" } },
      on: { ...serveAllButAttach, "pod.attachWanted": { actions: refuse } },
    },
  },
});
