import { emit, enqueueActions, sendTo, setup } from "xstate";
import { type CniReply, deadlineMs } from "../../src/protocol/cni-protocol.ts";
import type { PodAnswer, PodsCall } from "../pods/pods-events.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import type { Recipient } from "../support/recipient.ts";
import { stuckAfter } from "../support/state-limit.ts";
import { notAvailable, replyOf, silentReply } from "./reply-of.ts";
import type { RequestEvent, RequestInput } from "./request-events.ts";

/** The stub waits `deadlineMs`; this much earlier the daemon answers, so that the reason still arrives. */
const marginMs = 300;
/** `asking`: for GC, which may take longest. */
const limits = { asking: deadlineMs.GC - marginMs, late: 100 } as const;

const requestSetup = setup({
  types: {} as MachineTypes & { input: RequestInput; context: RequestInput; events: RequestEvent },
  guards: {
    isNotReady: ({ context }) => context.request.command === "STATUS" && !context.readiness.ready,
  },
  actions: {
    ask: sendTo(
      ({ context }) => context.pods,
      ({ context, self }) => callOf(context, self),
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
    deadline: ({ context }) => deadlineMs[context.request.command] - marginMs,
    late: limits.late,
  },
});

/** The registry's word, whether it comes in time or late. */
const answered = {
  target: ".answered",
  actions: {
    type: "reply",
    params: ({ context, event }: { context: RequestInput; event: PodAnswer }) => ({
      reply: replyOf(context.request, event),
    }),
  },
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
  on: { "pod.*": answered, "pods.*": answered, "exchange.closed": ".abandoned" },
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
        { target: "asking" },
      ],
    },
    asking: {
      meta: stuckAfter(limits.asking, "a call does not end: see the machine of its pod"),
      entry: "ask",
      after: { deadline: "late" },
    },
    late: {
      meta: stuckAfter(limits.late, "the registry does not report the progress of a call", "warn"),
      entry: "withdraw",
      after: {
        late: {
          target: "answered",
          actions: { type: "reply", params: () => ({ reply: silentReply() }) },
        },
      },
    },
    answered: { type: "final" },
    abandoned: { type: "final", entry: ["withdraw", "tellAbandoned"] },
  },
});

/** What a call asks of the registry. */
function callOf(
  { exchangeId: requestId, request, atMs }: RequestInput,
  replyTo: Recipient<PodAnswer>,
): PodsCall {
  const call = { requestId, replyTo, atMs };
  switch (request.command) {
    case "ADD":
      return { type: "pod.attachWanted", request, ...call };
    case "DEL":
      return { type: "pod.detachWanted", request, ...call };
    case "CHECK":
      return { type: "pod.checkWanted", request, ...call };
    case "GC": {
      const { network, validAttachments: valid = [] } = request;
      return { type: "pods.collectWanted", network, valid, ...call };
    }
    case "STATUS":
      return { type: "pods.statusWanted", requestId, replyTo };
    default: {
      const unhandled: never = request.command;
      return unhandled;
    }
  }
}
