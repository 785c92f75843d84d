import type { AddressPool } from "../../src/domain/address-pool.ts";
import type { AttachmentPlan } from "../../src/domain/attachment.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { CniFailure } from "../../src/protocol/wire-types.ts";
import type { Recipient } from "../support/recipient.ts";
import type { PodAnswer, PodCall, PodsReport, PodsSettings } from "./pods-events.ts";

/** A call about one attachment, until it is answered. */
export interface Job extends PodCall {
  readonly kind: "attach" | "check" | "detach";
  /** How many addresses were tried before, for an attach. */
  readonly tries: number;
}

/** Where an attachment stands, as its pod told; the names are those of the pod machine's states. */
export type RowState =
  | "attaching"
  | "attached"
  | "checking"
  | "verifying"
  | "detaching"
  | "releasing"
  | "pausing";

/** One attachment: its pod runs in the slot that is the row's index in `rows`. */
export interface Row {
  readonly key: string;
  readonly plan: AttachmentPlan;
  readonly state: RowState;
  /** The call that the pod works for now. */
  readonly job: Job | null;
  /** Calls for the same key that wait until the pod is free or gone, oldest first. */
  readonly queue: readonly Job[];
}

/** A GC under way. */
export interface Collection {
  readonly requestId: string;
  readonly replyTo: Recipient<PodAnswer>;
  readonly open: number;
  readonly removed: number;
  readonly failures: readonly CniFailure[];
}

/** GC waits with everything else until the kernel's attachments are known. */
export type Held = Job | HeldCollection;
export interface HeldCollection {
  readonly kind: "collect";
  readonly requestId: string;
  readonly network: string;
  /** Keys that the runtime still knows. */
  readonly valid: readonly string[];
  readonly replyTo: Recipient<PodAnswer>;
  readonly atMs: number;
}

export interface PodsContext {
  readonly settings: PodsSettings;
  readonly routerAddresses: readonly string[];
  readonly parent: Recipient<PodsReport>;
  readonly pools: readonly AddressPool[];
  /** By slot; null for a free one. Slots repeat, so child ids stay bounded (DESIGN section 4). */
  readonly rows: readonly (Row | null)[];
  /** Calls that came before they could be served. */
  readonly held: readonly Held[];
  readonly collections: readonly Collection[];
  /** True once the root opened the registry for ADDs. */
  readonly opened: boolean;
  /** Why new attachments are refused; empty when they are not. */
  readonly refusal: string;
  /** Why the last recovery failed. */
  readonly failure: Failure | null;
}
