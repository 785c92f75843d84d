import type { AddressHint } from "../../src/domain/address-hints.ts";
import type { AddressPool, PoolStrategy } from "../../src/domain/address-pool.ts";
import type { Mismatch, ObservedAttachment } from "../../src/domain/attachment.ts";
import type { RefusedCall } from "../../src/domain/pod-reports.ts";
import type { AttachmentsChanged } from "../../src/domain/pod-watch-join.ts";
import type {
  AttachmentReference,
  CniFailure,
  CniRequest,
  CniResult,
} from "../../src/protocol/wire-types.ts";
import type { PodOutput, PodReport } from "../pod/pod-events.ts";
import type { Recipient } from "../support/recipient.ts";

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
  /** The root; told of recovery and drain. */
  readonly parent: Recipient<PodsReport>;
}

/** A call that wants an answer: `atMs` is the time it came in, ms since the epoch. */
export interface PodCall {
  readonly request: CniRequest;
  /** Told apart by this alone: must be different for every call that is under way. */
  readonly requestId: string;
  readonly replyTo: Recipient<PodAnswer>;
  readonly atMs: number;
}

/** A call about one attachment. */
export type AttachmentCall =
  | ({ readonly type: "pod.attachWanted" } & PodCall)
  | ({ readonly type: "pod.detachWanted" } & PodCall)
  | ({ readonly type: "pod.checkWanted" } & PodCall);

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
  | { readonly type: "pod.attached"; readonly requestId: string; readonly result: CniResult }
  | { readonly type: "pod.detached"; readonly requestId: string }
  | { readonly type: "pod.checked"; readonly requestId: string; readonly mismatches: readonly Mismatch[] }
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
    }
  | { readonly type: "pod.failed"; readonly requestId: string; readonly failure: CniFailure };

/** What the registry tells the root. */
export type PodsReport =
  | { readonly type: "pods.recovered"; readonly count: number }
  | { readonly type: "pods.drained" }
  | AttachmentsChanged
  /** A call about a pod failed; its caller was told too. */
  | ({ readonly type: "call.refused" } & RefusedCall);

/** Ends of pods, whatever their slot (xstate's own events). */
export type PodEnd =
  | { readonly type: `xstate.done.actor.${string}`; readonly actorId: string; readonly output: PodOutput }
  | { readonly type: `xstate.error.actor.${string}`; readonly actorId: string; readonly error: unknown };

/** Everything the registry receives: calls, commands, its pods' reports, and answers to its own calls (GC). */
export type PodsEvent = PodsCall | PodsCommand | PodReport | PodAnswer | PodEnd;

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
