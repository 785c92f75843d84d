import * as z from "zod";
import type { PageOf } from "../pages/page-of.ts";

/** A machine went from one state to the next; `from` is empty for its first. */
const transitionStep = z.looseObject({
  kind: z.literal("transition"),
  atMs: z.number(),
  machine: z.string(),
  from: z.string(),
  to: z.string(),
  event: z.string(),
});

/** Work of the kernel worker, from the request to its answer. */
const operationStep = z.looseObject({
  kind: z.literal("operation"),
  atMs: z.number(),
  ms: z.number(),
  name: z.string(),
  failure: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
  /** In order; what is missing to `ms` is the way to the worker and back, and its queue. */
  parts: z.array(z.looseObject({ name: z.string(), ms: z.number() })),
});

/** The call waited for something that no machine of its own shows; `ms` is null while it does. */
const waitStep = z.looseObject({
  kind: z.literal("wait"),
  atMs: z.number(),
  ms: z.number().nullable(),
  why: z.string(),
});

const traceStep = z.discriminatedUnion("kind", [transitionStep, operationStep, waitStep]);

/** One CNI call as the daemon saw it. Offsets are milliseconds since the call came in. */
const callTrace = z.looseObject({
  /** Unique in one life of the daemon. */
  id: z.string(),
  command: z.string(),
  containerId: z.string(),
  ifname: z.string(),
  netns: z.string(),
  pod: z.looseObject({ namespace: z.string(), name: z.string(), uid: z.string() }),
  /** W3C trace context that the runtime handed on; empty without. */
  traceparent: z.string(),
  /** Milliseconds since the epoch. */
  startedAt: z.number(),
  /** Until the answer was handed to the socket; null while it runs. */
  ms: z.number().nullable(),
  /** "running", "ok", "failed" or "abandoned". */
  outcome: z.string(),
  /** What the caller was told, when the outcome is "failed". */
  error: z.looseObject({ code: z.number(), msg: z.string(), details: z.string() }).nullable(),
  /** With prefix length, as the answer to an ADD had them. */
  addresses: z.array(z.string()),
  /** In order of time; what follows the answer (a link that goes) is in it, too. */
  steps: z.array(traceStep),
  /** Steps beyond the bound. */
  dropped: z.number(),
});

/** Body of `/debug/trace`; what a newer daemon adds passes. */
export const tracePageSchema = z.looseObject({ calls: z.array(callTrace) });

export type CallTrace = PageOf<typeof callTrace>;
export type TraceStep = PageOf<typeof traceStep>;
export type WaitStep = PageOf<typeof waitStep>;
