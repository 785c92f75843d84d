import { attachmentKey } from "../../domain/attachment/attachment.ts";
import { hostLinkName } from "../../domain/attachment/pod-network-plan.ts";
import type { CniRequest } from "../../protocol/cni-protocol.ts";
import type { CallTrace, TraceStep, WaitStep } from "./call-trace.ts";

type Writable<Type> = { -readonly [Name in keyof Type]: Type[Name] };

/** A trace as it is written. */
export interface OpenTrace extends Omit<Writable<CallTrace>, "steps"> {
  /** Monotonic milliseconds of the call's arrival. */
  readonly at: number;
  /** Host-side link of the attachment; empty for GC and STATUS. */
  readonly hostLink: string;
  readonly steps: TraceStep[];
  /** The wait that goes on. */
  wait: Writable<WaitStep> | undefined;
}

/** A call of some twenty steps is long; what repeats without end is cut. */
const stepsKept = 96;

export function openTrace(
  call: Pick<OpenTrace, "id" | "at" | "startedAt"> & { readonly request: CniRequest },
): OpenTrace {
  const { command, containerId, ifname, netns, pod, traceparent = "" } = call.request;
  return {
    id: call.id,
    command,
    containerId,
    ifname,
    netns,
    pod,
    traceparent,
    startedAt: call.startedAt,
    ms: null,
    outcome: "running",
    error: null,
    addresses: [],
    steps: [],
    dropped: 0,
    at: call.at,
    hostLink: containerId === "" ? "" : hostLinkName(attachmentKey(containerId, ifname)),
    wait: undefined,
  };
}

export function addStep(trace: OpenTrace, step: TraceStep): void {
  if (trace.steps.length < stepsKept) trace.steps.push(step);
  else trace.dropped += 1;
}

export function beginWait(trace: OpenTrace, now: number, why: string): void {
  trace.wait = { kind: "wait", atMs: now - trace.at, ms: null, why };
  addStep(trace, trace.wait);
}

export function endWait(trace: OpenTrace, now: number): void {
  if (trace.wait === undefined) return;
  trace.wait.ms = now - trace.at - trace.wait.atMs;
  trace.wait = undefined;
}
