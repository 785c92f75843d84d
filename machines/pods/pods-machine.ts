import { assign, enqueueActions, sendTo, setup } from "xstate";
import { createPool } from "../../src/domain/addresses/address-pool.ts";
import { parsePrefix, routerAddress } from "../../src/domain/addresses/prefix.ts";
import type { Failure } from "../../src/domain/failure.ts";
import { linksMachine } from "../links/links-machine.ts";
import type { AttachmentCall } from "../pod/pod-events.ts";
import { podMachine } from "../pod/pod-machine.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided, notProvidedSource } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import { timeout } from "../support/timeout.ts";
import { collect, settleCollected } from "./collect-garbage.ts";
import { answered, handOn, idle, podEnded } from "./hand-on.ts";
import { adopt, ending, hold, refuseHeld, serveHeld, withdraw } from "./hold-call.ts";
import type { HeldCall, PodsContext } from "./pods-context.ts";
import type {
  CollectCall,
  HintsChanged,
  PodAnswer,
  PodsEvent,
  PodsInput,
  PodsReport,
  Recovered,
} from "./pods-events.ts";
import { decide, refuse } from "./registry-draft.ts";

const limits = { start: 30_000, recovery: 10_000, pause: 1_000, drain: 10_000 } as const;

const podsSetup = setup({
  types: {} as MachineTypes & { input: PodsInput; context: PodsContext; events: PodsEvent },
  actors: {
    pod: podMachine,
    links: linksMachine,
    /** Cleans up what earlier daemons left half made and gives what is whole. */
    recover: notProvided<Recovered, { routerAddresses: readonly string[] }>("recover"),
    /** Writes down what the address pools should remember over a restart. */
    keepHints: notProvidedSource<HintsChanged, undefined>("keepHints"),
  },
  guards: {
    opened: ({ context }) => context.opened,
    allAnswered: ({ context: { collections, slots } }) =>
      collections.length === 0 && slots.every((attachment) => !attachment?.calls.length),
  },
  actions: {
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
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
  },
  delays: limits,
}).extend({
  actions: {
    handOn: decide(handOn),
    collect: decide(collect),
    hold: decide(hold),
    serveHeld: decide<undefined>(serveHeld),
    refuse: decide((draft, call: AttachmentCall) => refuse(draft, call, ending)),
    refuseHeld: decide<undefined>(refuseHeld),
    withdraw: decide((draft, { requestId }: { readonly requestId: string }) => withdraw(draft, requestId)),
    adopt: decide(adopt),
    answered: decide(answered),
    idle: decide(idle),
    settleCollected: decide(settleCollected),
    podEnded: decide(podEnded),
  },
});

const held = { actions: { type: "hold", params: ({ event }: { event: HeldCall }) => event } } as const;
const handedOn = {
  actions: { type: "handOn", params: ({ event }: { event: AttachmentCall }) => event },
} as const;
const collected = {
  actions: { type: "collect", params: ({ event }: { event: CollectCall }) => event },
} as const;
const refused = {
  actions: { type: "refuse", params: ({ event }: { event: AttachmentCall }) => event },
} as const;

const serveAllButAttach = {
  "pod.detachWanted": handedOn,
  "pod.checkWanted": handedOn,
  "pods.collectWanted": collected,
} as const;

/**
 * The registry of this node's attachments: gives addresses, runs one `pod` per attachment, hands each call to the pod of
 * its key and collects garbage. It answers only calls that no pod has; what a pod has was handed on and is kept until
 * the pod says that it answered, so that nothing is lost when a pod ends or dies.
 */
export const podsMachine = podsSetup.createMachine({
  id: "pods",
  context: ({ input: { settings, policy, parent }, spawn }) => ({
    settings,
    parent,
    policy,
    links: spawn("links", { id: "links" }),
    routerAddresses: [],
    pools: [],
    slots: [],
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
    // Nothing is served before the kernel's attachments are known.
    "pod.attachWanted": held,
    "pod.detachWanted": held,
    "pod.checkWanted": held,
    "pods.collectWanted": held,
    "pod.answered": { actions: { type: "answered", params: ({ event }) => event } },
    "pod.idle": { actions: { type: "idle", params: ({ event }) => event } },
    "pod.detached": { actions: { type: "settleCollected", params: ({ event }) => event } },
    "pod.failed": { actions: { type: "settleCollected", params: ({ event }) => event } },
    "pod.withdrawn": { actions: { type: "withdraw", params: ({ event }) => event } },
    "pods.statusWanted": { actions: { type: "answerStatus", params: ({ event }) => event } },
    "pods.restChanged": { actions: { type: "changeRest", params: ({ event }) => event } },
    "pods.open": { actions: "rememberOpen" },
    "pods.refuseAttach": { actions: { type: "keepRefusal", params: ({ event }) => event } },
    "pods.drain": ".draining",
    "xstate.done.actor.*": { actions: { type: "podEnded", params: ({ event }) => event } },
    "xstate.error.actor.*": { actions: { type: "podEnded", params: ({ event }) => event } },
  },
  states: {
    closed: {
      meta: stuckAfter(limits.start, "the kernel was not opened"),
      on: {
        "pods.recover": {
          target: "recovering",
          actions: { type: "buildPools", params: ({ event }) => event },
        },
      },
    },
    recovering: {
      meta: stuckAfter(limits.recovery, "the kernel worker does not list earlier attachments"),
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
        onError: { target: "recoveryFailed", actions: keepError },
      },
      after: {
        recovery: {
          target: "recoveryFailed",
          actions: { type: "keepFailure", params: timeout("recovering", limits.recovery) },
        },
      },
    },
    recoveryFailed: {
      meta: stuckAfter(limits.pause, "waits before it reads the kernel's attachments again", "error"),
      after: { pause: "recovering" },
    },
    recovered: {
      meta: stuckAfter(limits.start, "the guard is not ready: ADDs wait", "info"),
      entry: "serveHeld",
      always: { guard: "opened", target: "ready" },
      on: serveAllButAttach,
    },
    ready: {
      meta: mayLast("serves pods", "info"),
      entry: "serveHeld",
      on: { ...serveAllButAttach, "pod.attachWanted": handedOn },
    },
    draining: {
      meta: stuckAfter(limits.drain, "a call does not end", "info"),
      entry: "refuseHeld",
      always: { guard: "allAnswered", target: "drained" },
      on: { ...serveAllButAttach, "pod.attachWanted": refused },
      after: { drain: "drained" },
    },
    drained: {
      meta: mayLast("the root ends the process", "info"),
      entry: { type: "report", params: { type: "pods.drained" } },
      on: { ...serveAllButAttach, "pod.attachWanted": refused },
    },
  },
});
