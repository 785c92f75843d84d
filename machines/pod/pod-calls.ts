import type { AttachmentPlan, Mismatch } from "../../src/domain/attachment/attachment.ts";
import { toCniFailure, tryAgain } from "../../src/domain/attachment/cni-failure.ts";
import { resultMismatches, resultOfPlan } from "../../src/domain/attachment/cni-result.ts";
import type { Failure } from "../../src/domain/failure.ts";
import { cniErrorCodes } from "../../src/protocol/cni-error-codes.ts";
import type { CniFailure } from "../../src/protocol/cni-protocol.ts";
import type { AttachmentAnswer, AttachmentCall } from "./pod-events.ts";

/** The calls of one attachment. */
export interface Calls {
  /** The one that the pod works for now; null when nobody waits for its work. */
  readonly call: AttachmentCall | null;
  /** Those that wait for it, oldest first. */
  readonly queue: readonly AttachmentCall[];
}

/** Calls as they are afterwards, and what those that ended are told. */
export interface Answered extends Calls {
  readonly answers: readonly (readonly [AttachmentCall, AttachmentAnswer])[];
}

/** Addresses that one ADD tries before it gives up: more than a race of two nodes' worth of ADDs ever needs. */
const maxTries = 4;

const commands = {
  "pod.attachWanted": "ADD",
  "pod.checkWanted": "CHECK",
  "pod.detachWanted": "DEL",
} as const;

/** The attachment is as planned, or differs as a CHECK wants to know. */
export function attached(calls: Calls, plan: AttachmentPlan, mismatches: readonly Mismatch[]): Answered {
  return ended(calls, ({ type, requestId, request: { prevResult, cniVersion } }) => {
    if (type === "pod.attachWanted")
      return { type: "pod.attached", requestId, result: resultOfPlan(plan, cniVersion) };
    const told = prevResult === undefined ? [] : resultMismatches(prevResult, plan);
    return { type: "pod.checked", requestId, mismatches: [...mismatches, ...told] };
  });
}

/** The comparison with the kernel failed; nothing was changed. */
export function notCompared(calls: Calls, { key }: AttachmentPlan, failure: Failure): Answered {
  return ended(calls, (call) => refusal(call, cniFailure(call, key, failure)));
}

/** A DEL goes before everything of its key that came earlier: those calls end now. */
export function overtaken(calls: Calls, { key }: AttachmentPlan, detach: AttachmentCall): Answered {
  const earlier = allOf(calls);
  const [call = detach, ...queue] = [...earlier.filter(isDetach), detach];
  const late = tryAgain(`${key}: a DEL came after this call`, "Nothing is left of it.");
  return { call, queue, answers: earlier.filter(isOther).map((other) => [other, refusal(other, late)]) };
}

/** The kernel answers for the addresses no more: DELs are done, a failed ADD is answered or waits for other addresses. */
export function unrouted(calls: Calls, { key }: AttachmentPlan, failure: Failure | null): Answered {
  const { call, queue, answers } = detached(calls);
  if (call === null) return { call, queue, answers };
  const tries = (call.tries ?? 0) + (failure === null ? 0 : 1);
  if (failure === null || (failure.code === "ADDRESS_TAKEN" && tries < maxTries))
    return { call: null, queue: [{ ...call, tries }, ...queue], answers };
  return { call: null, queue, answers: [[call, refusal(call, cniFailure(call, key, failure))], ...answers] };
}

/** Nothing is left of the attachment for a DEL to remove. */
export function detached(calls: Calls): Answered {
  const done = allOf(calls).filter(isDetach);
  const answers = done.map((call) => [call, { type: "pod.detached", requestId: call.requestId }] as const);
  return { ...withoutDetaches(calls), answers };
}

/** Removing failed for now: whoever waits for it is told, the pod tries again by itself. */
export function lingering(calls: Calls, { key }: AttachmentPlan, failure: Failure): Answered {
  const waiting = allOf({ call: calls.call, queue: calls.queue.filter(isDetach) });
  return {
    call: null,
    queue: calls.queue.filter(isOther),
    answers: waiting.map((call) => [call, refusal(call, cniFailure(call, key, failure))]),
  };
}

/** Ends one call with a failure, wherever it stands. */
export function refused(calls: Calls, requestId: string, failure: CniFailure): Answered {
  const mine = (call: AttachmentCall | null) => call?.requestId === requestId;
  return {
    call: mine(calls.call) ? null : calls.call,
    queue: calls.queue.filter((call) => !mine(call)),
    answers: allOf(calls)
      .filter(mine)
      .map((call) => [call, refusal(call, failure)]),
  };
}

/** Why a call ends that nobody waits for any more. */
export function notInTime({ call }: Calls, key: string, requestId: string, state: string): CniFailure {
  const place = call?.requestId === requestId ? state : `${state}, with earlier calls to do`;
  return tryAgain(`${key}: not done in time, the attachment is ${place}`, "The runtime may repeat the call.");
}

function refusal({ requestId }: AttachmentCall, failure: CniFailure): AttachmentAnswer {
  return { type: "pod.failed", requestId, failure };
}

/** A CHECK of what does not exist. */
export function notAttached(key: string): CniFailure {
  return {
    code: cniErrorCodes.unknownContainer,
    msg: `${key} is not attached`,
    details: "Nothing of this attachment is left in the kernel.",
  };
}

export function cniFailure({ type }: AttachmentCall, key: string, failure: Failure): CniFailure {
  return toCniFailure(failure, `${commands[type]} of ${key}`);
}

/** The call is answered, if somebody still waits for it. */
function ended({ call, queue }: Calls, answer: (call: AttachmentCall) => AttachmentAnswer): Answered {
  return { call: null, queue, answers: call === null ? [] : [[call, answer(call)]] };
}

function withoutDetaches({ call, queue }: Calls): Calls {
  return { call: call !== null && isDetach(call) ? null : call, queue: queue.filter(isOther) };
}

function allOf({ call, queue }: Calls): readonly AttachmentCall[] {
  return call === null ? queue : [call, ...queue];
}

function isDetach({ type }: AttachmentCall): boolean {
  return type === "pod.detachWanted";
}

function isOther(call: AttachmentCall): boolean {
  return !isDetach(call);
}
