import { emit, enqueueActions, sendTo, setup } from "xstate";
import { type CniReply, deadlineMs, type WireCommand } from "../../src/protocol/wire-types.ts";
import type { AttachmentCall } from "../pod/pod-events.ts";
import type { PodAnswer } from "../pods/pods-events.ts";
import type { CallNews } from "../support/news.ts";
import type { StateMeta } from "../support/state-limit.ts";
import { notAvailable, replyOf, silentReply } from "./reply-of.ts";
import type { RequestEvent, RequestInput } from "./request-events.ts";

type RequestContext = RequestInput;

/** The stub waits `deadlineMs`; this much earlier the daemon answers, so that the reason still arrives. */
const marginMs = 300;
const limits = {
  adding: deadlineMs.ADD - marginMs,
  deleting: deadlineMs.DEL - marginMs,
  checking: deadlineMs.CHECK - marginMs,
  collecting: deadlineMs.GC - marginMs,
  askingStatus: deadlineMs.STATUS - marginMs,
  late: 100,
} as const;

const requestSetup = setup({
  types: {
    context: {} as RequestContext,
    events: {} as RequestEvent,
    input: {} as RequestInput,
    meta: {} as StateMeta,
    emitted: {} as CallNews,
  },
  guards: {
    is: ({ context }, { command }: { command: WireCommand }) => context.request.command === command,
    isNotReady: ({ context }) => context.request.command === "STATUS" && !context.readiness.ready,
  },
  actions: {
    ask: sendTo(
      ({ context }) => context.pods,
      ({ context, self }, { type }: Pick<AttachmentCall, "type">): AttachmentCall => ({
        type,
        request: context.request,
        requestId: context.exchangeId,
        replyTo: self,
        atMs: context.atMs,
      }),
    ),
    askToCollect: sendTo(
      ({ context }) => context.pods,
      ({ context, self }) => ({
        type: "pods.collectWanted",
        requestId: context.exchangeId,
        network: context.request.network,
        valid: context.request.validAttachments ?? [],
        replyTo: self,
        atMs: context.atMs,
      }),
    ),
    askStatus: sendTo(
      ({ context }) => context.pods,
      ({ context, self }) => ({ type: "pods.statusWanted", requestId: context.exchangeId, replyTo: self }),
    ),
    withdraw: sendTo(
      ({ context }) => context.pods,
      ({ context }) => ({ type: "pod.withdrawn", requestId: context.exchangeId }),
    ),
    reply: enqueueActions(({ context: { replyTo, exchangeId }, enqueue }, { reply }: { reply: CniReply }) => {
      enqueue.sendTo(replyTo, { type: "exchange.reply", exchangeId, reply });
      enqueue.emit({ type: "call.answered", callId: exchangeId, reply });
    }),
    tellReceived: emit(({ context: { exchangeId, request } }) => ({
      type: "call.received",
      callId: exchangeId,
      request,
    })),
    tellAbandoned: emit(({ context }) => ({ type: "call.abandoned", callId: context.exchangeId })),
  },
  delays: {
    addLimit: limits.adding,
    delLimit: limits.deleting,
    checkLimit: limits.checking,
    gcLimit: limits.collecting,
    statusLimit: limits.askingStatus,
    lateLimit: limits.late,
  },
});

const answered = {
  target: "answered",
  actions: {
    type: "reply",
    params: ({ context, event }: { context: RequestContext; event: PodAnswer }) => ({
      reply: replyOf(context.request, event),
    }),
  },
} as const;

/** Ways out of every state that waits for the registry, beside its deadline. */
const answers = {
  "pod.*": answered,
  "pods.*": answered,
  "exchange.closed": "abandoned",
} as const;

/**
 * One CNI call: asks the registry, hands on its answer, and never outlives its deadline. What is not answered in time is
 * withdrawn: the registry undoes a running ADD and says how far it was. So is a call whose client is gone: an ADD that
 * nobody hears of must not leave an attachment behind. Once the answer is handed to the socket it counts as given; if the
 * client dies at that very moment, the runtime's DEL (or GC) removes the attachment.
 */
export const requestMachine = requestSetup.createMachine({
  id: "request",
  context: ({ input }) => input,
  options: { maxIterations: 1_000 },
  entry: "tellReceived",
  initial: "deciding",
  states: {
    deciding: {
      always: [
        {
          guard: "isNotReady",
          target: "answered",
          actions: {
            type: "reply",
            params: ({ context }) => ({ reply: notAvailable(context.readiness.reason) }),
          },
        },
        { guard: { type: "is", params: { command: "ADD" } }, target: "adding" },
        { guard: { type: "is", params: { command: "DEL" } }, target: "deleting" },
        { guard: { type: "is", params: { command: "CHECK" } }, target: "checking" },
        { guard: { type: "is", params: { command: "GC" } }, target: "collecting" },
        { target: "askingStatus" },
      ],
    },
    adding: {
      meta: { limit: { ms: limits.adding, means: "an ADD does not end: see its pod machine" } },
      entry: { type: "ask", params: { type: "pod.attachWanted" } },
      on: answers,
      after: { addLimit: "late" },
    },
    deleting: {
      meta: { limit: { ms: limits.deleting, means: "a DEL does not end: see its pod machine" } },
      entry: { type: "ask", params: { type: "pod.detachWanted" } },
      on: answers,
      after: { delLimit: "late" },
    },
    checking: {
      meta: { limit: { ms: limits.checking, means: "a CHECK does not end: see its pod machine" } },
      entry: { type: "ask", params: { type: "pod.checkWanted" } },
      on: answers,
      after: { checkLimit: "late" },
    },
    collecting: {
      meta: { limit: { ms: limits.collecting, means: "a GC does not end: see the pods it removes" } },
      entry: "askToCollect",
      on: answers,
      after: { gcLimit: "late" },
    },
    askingStatus: {
      meta: { limit: { ms: limits.askingStatus, means: "the registry of pods does not answer" } },
      entry: "askStatus",
      on: answers,
      after: { statusLimit: "late" },
    },
    late: {
      meta: { limit: { ms: limits.late, means: "the registry does not say how far a call is" }, log: "warn" },
      entry: "withdraw",
      on: answers,
      after: {
        lateLimit: {
          target: "answered",
          actions: { type: "reply", params: () => ({ reply: silentReply() }) },
        },
      },
    },
    answered: { type: "final" },
    abandoned: { type: "final", entry: ["withdraw", "tellAbandoned"] },
  },
});
