import type { AddressHint } from "../../src/domain/addresses/address-hints.ts";
import type { AddressPool, PoolStrategy } from "../../src/domain/addresses/address-pool.ts";
import type { ObservedAttachment } from "../../src/domain/attachment/attachment.ts";
import type { RefusedCall } from "../../src/domain/kubernetes/pod-reports.ts";
import type { AttachmentsChanged } from "../../src/domain/kubernetes/pod-watch-join.ts";
import type { AttachmentReference, CniFailure } from "../../src/protocol/cni-protocol.ts";
import type { AttachmentAnswer, AttachmentCall, AttachmentReport } from "../pod/pod-events.ts";
import type { PolicyCall } from "../policy/policy-events.ts";
import type { Recipient } from "../support/recipient.ts";
import type { ChildEnd } from "../support/slots.ts";

export interface PodsSettings {
  readonly mtu: number;
  readonly strategy: PoolStrategy;
  /** How long a released address rests, in ms. */
  readonly restMs: number;
  /** Any number that differs from start to start: where `random` begins. */
  readonly seed: number;
}

export interface PodsInput {
  readonly settings: PodsSettings;
  /** What enforces NetworkPolicies; null where nothing does. */
  readonly policy: Recipient<PolicyCall> | null;
  /** The root; told of recovery and drain. */
  readonly parent: Recipient<PodsReport>;
}

/** GC: remove what stands on `network` and is not in `valid`. */
export interface CollectCall {
  readonly type: "pods.collectWanted";
  readonly requestId: string;
  readonly network: string;
  readonly valid: readonly AttachmentReference[];
  readonly replyTo: Recipient<PodAnswer>;
  readonly atMs: number;
}

/** What calls ask of the registry of pods. */
export type PodsCall =
  | AttachmentCall
  | CollectCall
  | { readonly type: "pods.statusWanted"; readonly requestId: string; readonly replyTo: Recipient<PodAnswer> }
  /** Nobody waits for this call any more: a running ADD is undone. Answered with `pod.failed` that says how far it was. */
  | { readonly type: "pod.withdrawn"; readonly requestId: string };

/** What the root tells the registry of pods. */
export type PodsCommand =
  /** `prefixes`: this node's pod prefixes, at most one per family; every pod gets an address of each. */
  | { readonly type: "pods.recover"; readonly prefixes: readonly string[] }
  | { readonly type: "pods.open" }
  /** New ADDs get code 11 with this reason; empty: no more. */
  | { readonly type: "pods.refuseAttach"; readonly reason: string }
  | { readonly type: "pods.drain" }
  | { readonly type: "pods.restChanged"; readonly restMs: number };

/** What a call is told; exactly one of these per `requestId`. */
export type PodAnswer =
  | AttachmentAnswer
  | {
      readonly type: "pods.collected";
      readonly requestId: string;
      readonly removed: number;
      readonly failures: readonly CniFailure[];
    }
  /** `ready` is false while the kernel's attachments cannot be read: then no call can be served. */
  | {
      readonly type: "pods.status";
      readonly requestId: string;
      readonly ready: boolean;
      readonly reason: string;
    };

/** What the registry tells the root. */
export type PodsReport =
  | { readonly type: "pods.recovered"; readonly count: number }
  | { readonly type: "pods.drained" }
  | AttachmentsChanged
  /** A call about a pod failed; its caller was told too. */
  | ({ readonly type: "call.refused" } & RefusedCall);

/** Everything the registry receives: calls, commands, its pods' reports and ends, and answers to its own calls (GC). */
export type PodsEvent = PodsCall | PodsCommand | AttachmentReport | AttachmentAnswer | ChildEnd;

/** What `recover` gives of earlier daemons: what is left in the kernel, and what their address pools remembered. */
export interface Recovered {
  readonly attachments: readonly ObservedAttachment[];
  readonly hints: readonly AddressHint[];
}

/** What `keepHints` is told whenever the address pools changed. */
export interface HintsChanged {
  readonly type: "hints.changed";
  readonly pools: readonly AddressPool[];
}
