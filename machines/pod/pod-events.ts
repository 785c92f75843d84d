import type { AttachmentPlan, Mismatch } from "../../src/domain/attachment.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { Recipient } from "../support/recipient.ts";

/** How a pod machine begins: with an ADD, as an attachment found in the kernel, or to remove what may be there. */
export type PodStart = "attach" | "attached" | "detach";

export interface PodInput {
  readonly plan: AttachmentPlan;
  readonly start: PodStart;
  readonly registry: Recipient<PodReport>;
}

/** What the registry tells a pod. One thing at a time; only `pod.detach` may interrupt. */
export type PodCommand =
  /** CHECK: compare the kernel with the plan (the stored one, with the netns path of this call). */
  | { readonly type: "pod.check"; readonly netns: string }
  /** The same ADD again: if the kernel is as planned the attachment stands, otherwise it is removed to be made anew. */
  | { readonly type: "pod.verify"; readonly netns: string }
  | { readonly type: "pod.detach" };

/** What a pod tells the registry. */
export type PodReport =
  | { readonly type: "attachment.attached"; readonly key: string; readonly plan: AttachmentPlan }
  | {
      readonly type: "attachment.checked";
      readonly key: string;
      readonly plan: AttachmentPlan;
      readonly mismatches: readonly Mismatch[];
    }
  /** The comparison itself failed; the attachment stays. */
  | { readonly type: "attachment.checkFailed"; readonly key: string; readonly failure: Failure }
  /** The kernel answers for the addresses no more; `failure` says why an ADD ended here, absent after DEL or to redo. */
  | { readonly type: "attachment.unrouted"; readonly key: string; readonly failure?: Failure }
  /** Removing failed for now; the pod goes on trying. */
  | { readonly type: "attachment.lingers"; readonly key: string; readonly failure: Failure };

/** How a pod ends: its link is gone from the kernel and the addresses may rest. */
export interface PodOutput {
  readonly key: string;
  readonly releasedAtMs: number;
}

/** What the effects send back (src/actors/pod-actors.ts). */
export type PodEffectEvent =
  | { readonly type: "attach.done" }
  | { readonly type: "attach.failed"; readonly failure: Failure }
  | { readonly type: "detach.unrouted" }
  | { readonly type: "detach.released"; readonly atMs: number }
  | { readonly type: "detach.failed"; readonly failure: Failure };

export type PodEvent = PodCommand | PodEffectEvent;
