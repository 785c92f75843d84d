import type { WorkPart } from "../../domain/attachment.ts";
import type { Failure } from "../../domain/failure.ts";
import type { CniFailure, PodReference, WireCommand } from "../../protocol/wire-types.ts";

/** One CNI call as the daemon saw it; a row of `/debug/trace`. Offsets are milliseconds since the call came in. */
export interface CallTrace {
  /** Unique in one life of the daemon. */
  readonly id: string;
  readonly command: WireCommand;
  readonly containerId: string;
  readonly ifname: string;
  readonly netns: string;
  readonly pod: PodReference;
  /** W3C trace context that the runtime handed on; empty without. */
  readonly traceparent: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Until the answer was handed to the socket; null while it runs. */
  readonly ms: number | null;
  readonly outcome: "running" | "ok" | "failed" | "abandoned";
  /** What the caller was told, when the outcome is "failed". */
  readonly error: CniFailure | null;
  /** With prefix length, as the answer to an ADD had them. */
  readonly addresses: readonly string[];
  /** In order of time; what follows the answer (a link that goes) is in it, too. */
  readonly steps: readonly TraceStep[];
  /** Steps beyond the bound. */
  readonly dropped: number;
}

export type TraceStep = TransitionStep | OperationStep | WaitStep;

/** A machine went from one state to the next; `from` is empty for its first. */
export interface TransitionStep {
  readonly kind: "transition";
  readonly atMs: number;
  readonly machine: string;
  readonly from: string;
  readonly to: string;
  readonly event: string;
}

/** Work of the kernel worker, from the request to its answer. */
export interface OperationStep {
  readonly kind: "operation";
  readonly atMs: number;
  readonly ms: number;
  readonly name: string;
  readonly failure: Failure | null;
  /** In order; what is missing to `ms` is the way to the worker and back, and its queue. */
  readonly parts: readonly WorkPart[];
}

/** The call waited for something that no machine of its own shows; `ms` is null while it does. */
export interface WaitStep {
  readonly kind: "wait";
  readonly atMs: number;
  readonly ms: number | null;
  readonly why: string;
}
