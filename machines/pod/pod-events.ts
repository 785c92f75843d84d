import type { AttachmentPlan, Mismatch } from "../../src/domain/attachment/attachment.ts";
import type { CniFailure, CniRequest, CniResult } from "../../src/protocol/cni-protocol.ts";
import type { LinkGone, LinksEvent } from "../links/links-machine.ts";
import type { PoliciesInForce, PolicyCall } from "../policy/policy-events.ts";
import type { Recipient } from "../support/recipient.ts";

/** A call that wants an answer: `atMs` is the time it came in, ms since the epoch. */
export interface PodCall {
  readonly request: CniRequest;
  /** Told apart by this alone: must be different for every call that is under way. */
  readonly requestId: string;
  readonly replyTo: Recipient<AttachmentAnswer>;
  readonly atMs: number;
  /** Addresses that were tried in vain for this ADD; absent at first. */
  readonly tries?: number;
}

/** A call about one attachment. */
export type AttachmentCall =
  | ({ readonly type: "pod.attachWanted" } & PodCall)
  | ({ readonly type: "pod.detachWanted" } & PodCall)
  | ({ readonly type: "pod.checkWanted" } & PodCall);

/** What a call about one attachment is told; exactly one of these. */
export type AttachmentAnswer =
  | { readonly type: "pod.attached"; readonly requestId: string; readonly result: CniResult }
  | { readonly type: "pod.detached"; readonly requestId: string }
  | { readonly type: "pod.checked"; readonly requestId: string; readonly mismatches: readonly Mismatch[] }
  | { readonly type: "pod.failed"; readonly requestId: string; readonly failure: CniFailure };

/** How a pod machine begins: with an ADD, as an attachment found in the kernel, or to remove what may be there. */
export type PodStart = "attach" | "attached" | "detach";

export interface PodInput {
  /** Names the pod in what it reports. */
  readonly slot: number;
  readonly plan: AttachmentPlan;
  readonly start: PodStart;
  /** The call it begins with; null when nobody asked. */
  readonly call: AttachmentCall | null;
  readonly registry: Recipient<AttachmentReport>;
  /** Deletes the link that the pod leaves. */
  readonly links: Recipient<LinksEvent>;
  /** What enforces NetworkPolicies; null where nothing does. */
  readonly policy: Recipient<PolicyCall> | null;
}

/** What the registry tells a pod. */
export type PodCommand =
  | AttachmentCall
  /** Nobody waits for this call any more: a running ADD is undone. Answered with `pod.failed` that says how far it was. */
  | { readonly type: "pod.withdrawn"; readonly requestId: string }
  /** To a pod that is idle: its ADD gets new addresses, or none; or nothing is left to do and it ends. */
  | { readonly type: "pod.planned"; readonly requestId: string; readonly plan: AttachmentPlan }
  | { readonly type: "pod.refused"; readonly requestId: string; readonly failure: CniFailure }
  | { readonly type: "pod.release" };

/** What a pod reports to its registry. */
export type AttachmentReport =
  /** A call was told this. */
  | { readonly type: "pod.answered"; readonly slot: number; readonly answer: AttachmentAnswer }
  /** Nothing is left in the kernel: the addresses may rest. The pod waits for an answer, so that no call is lost. */
  | { readonly type: "pod.idle"; readonly slot: number; readonly releasedAtMs: number };

/** What a detach did: the addresses answer no more since `atMs`, and the link waits for its deletion if it `lingers`. */
export interface Detached {
  readonly lingers: boolean;
  readonly atMs: number;
}

export type PodEvent = PodCommand | LinkGone | PoliciesInForce;
