import type { AttachmentPlan, Mismatch } from "../../src/domain/attachment.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { PodReport } from "./pod-events.ts";

/** What a pod tells its registry; see pod-events.ts for the meaning of each. */
export function attached(plan: AttachmentPlan): PodReport {
  return { type: "attachment.attached", key: plan.key, plan };
}

export function checked(plan: AttachmentPlan, mismatches: readonly Mismatch[]): PodReport {
  return { type: "attachment.checked", key: plan.key, plan, mismatches };
}

export function checkFailed(plan: AttachmentPlan, failure: Failure): PodReport {
  return { type: "attachment.checkFailed", key: plan.key, failure };
}

export function lingers(plan: AttachmentPlan, failure: Failure): PodReport {
  return { type: "attachment.lingers", key: plan.key, failure };
}

/** `failure` is null when nothing failed: after DEL, or to make the attachment anew. */
export function unrouted(plan: AttachmentPlan, failure: Failure | null): PodReport {
  return { type: "attachment.unrouted", key: plan.key, ...(failure === null ? {} : { failure }) };
}

/** The failure of an effect that did not end within its limit. */
export function timeout(doing: string, limitMs: number): Failure {
  return { code: "TIMEOUT", message: `${doing} took more than ${limitMs / 1000} s` };
}
