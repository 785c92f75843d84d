import { assign, emit, enqueueActions, raise, sendTo, setup } from "xstate";
import { tryAgain } from "../../src/domain/attachment/cni-failure.ts";
import { type Failure, toFailure } from "../../src/domain/failure.ts";
import type { ExchangeReply, Readiness } from "../request/request-events.ts";
import { requestMachine } from "../request/request-machine.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvidedSource } from "../support/not-provided.ts";
import { freeSlot, usedSlots } from "../support/slots.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import { timeout } from "../support/timeout.ts";
import type { CniEvent, CniInput, CniSocketCommand } from "./cni-events.ts";
import { type CniContext, type Received, refusal, slotActions } from "./request-slots.ts";

const limits = { bind: 5_000, pause: 1_000, close: 12_000 } as const;

const crowded = tryAgain("too many calls run at once already", "The runtime may repeat the call.");

const cniSetup = setup({
  types: {} as MachineTypes & { input: CniInput; context: CniContext; events: CniEvent },
  actors: {
    /** Listens, frames and parses; owns connections, spool and serving file. */
    socket: notProvidedSource<CniSocketCommand, undefined>("cni.socket"),
    request: requestMachine,
  },
  guards: {
    hasRoom: ({ context: { slots, maxRequests } }) => freeSlot(slots) < maxRequests,
    noneRuns: ({ context }) => usedSlots(context.slots) === 0,
  },
  actions: {
    keepReadiness: assign({
      readiness: (_, { ready, reason }: Readiness) => ({ ready, reason }),
    }),
    tellServing: sendTo(({ context }) => context.health, { type: "cni.serving" }),
    tellDown: enqueueActions(({ context, enqueue }, failure: Failure) => {
      enqueue.sendTo(context.health, { type: "cni.down", failure });
      enqueue.emit({ type: "failure.occurred", failure });
    }),
    reportClosed: sendTo(({ context }) => context.parent, { type: "cni.closed" }),
    toSocket: sendTo("socket", (_, command: CniSocketCommand) => command),
    refuse: raise((_, { exchangeId }: Received) => refusal(exchangeId, crowded)),
    tellReceived: emit((_, { exchangeId, request }: Received) => ({
      type: "call.received",
      callId: exchangeId,
      request,
    })),
    tellAnswered: emit((_, { exchangeId, reply }: ExchangeReply) => ({
      type: "call.answered",
      callId: exchangeId,
      reply,
    })),
  },
  delays: limits,
}).extend({ actions: slotActions });

/**
 * The way in for CNI calls: keeps a socket server listening and runs one `request` per call. It listens from the first
 * moment of the daemon: calls that come while it starts wait inside their deadline.
 */
export const cniMachine = cniSetup.createMachine({
  id: "cni",
  context: ({ input }) => ({
    maxRequests: 256,
    ...input,
    readiness: { ready: false, reason: "the daemon is starting" },
    slots: [],
  }),
  options: { maxIterations: 1_000 },
  initial: "open",
  on: {
    "cni.readiness": { actions: { type: "keepReadiness", params: ({ event }) => event } },
    "xstate.done.actor.*": {
      actions: { type: "requestEnded", params: ({ event }) => event },
    },
    "xstate.error.actor.*": {
      actions: { type: "requestEnded", params: ({ event }) => event },
    },
  },
  states: {
    open: {
      invoke: {
        id: "socket",
        src: "socket",
        onError: {
          target: "backingOff",
          actions: { type: "tellDown", params: ({ event }) => toFailure(event.error) },
        },
      },
      on: {
        // Of calls that no request answers; requests answer the socket themselves.
        "exchange.reply": {
          actions: [
            { type: "toSocket", params: ({ event }) => event },
            { type: "tellAnswered", params: ({ event }) => event },
          ],
        },
        "exchange.closed": { actions: { type: "abandonRequest", params: ({ event }) => event } },
        "request.received": [
          { guard: "hasRoom", actions: { type: "startRequest", params: ({ event }) => event } },
          {
            actions: [
              { type: "tellReceived", params: ({ event }) => event },
              { type: "refuse", params: ({ event }) => event },
            ],
          },
        ],
        "socket.failed": {
          target: "backingOff",
          actions: { type: "tellDown", params: ({ event }) => event.failure },
        },
        "cni.close": ".closing",
      },
      initial: "binding",
      states: {
        binding: {
          meta: stuckAfter(limits.bind, "the CNI socket cannot be bound"),
          on: { "socket.listening": "serving" },
          after: {
            bind: {
              target: "#cni.backingOff",
              actions: { type: "tellDown", params: timeout("listening", limits.bind) },
            },
          },
        },
        serving: {
          meta: mayLast("accepts CNI calls", "info"),
          entry: "tellServing",
        },
        closing: {
          meta: stuckAfter(limits.close, "a call does not end", "info"),
          entry: { type: "toSocket", params: { type: "socket.close" } },
          always: { guard: "noneRuns", target: "#cni.closed" },
          after: { close: "#cni.closed" },
        },
      },
    },
    backingOff: {
      meta: stuckAfter(limits.pause, "waits before it listens again", "error"),
      entry: "abandonAll",
      on: { "cni.close": "closed" },
      after: { pause: "open" },
    },
    closed: { type: "final", entry: "reportClosed" },
  },
});
