import type { AddressPool } from "../../src/domain/addresses/address-pool.ts";
import type { AttachmentPlan } from "../../src/domain/attachment/attachment.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { CniFailure } from "../../src/protocol/cni-protocol.ts";
import type { LinksEvent } from "../links/links-machine.ts";
import type { AttachmentCall } from "../pod/pod-events.ts";
import type { PolicyCall } from "../policy/policy-events.ts";
import type { Recipient } from "../support/recipient.ts";
import type { Slots } from "../support/slots.ts";
import type { CollectCall, PodAnswer, PodsReport, PodsSettings } from "./pods-events.ts";

/** What the registry must know of an attachment; how far it is only its pod knows. */
export interface Attachment {
  /** Empty once the pod was released: the key is free for another. */
  readonly key: string;
  /** With the addresses it uses; null while nothing of it is in the kernel. */
  readonly plan: AttachmentPlan | null;
  /**
   * An ADD was answered and no DEL came since: by this GC decides, and the pod watch is told. It is no copy of the pod's state:
   * a pod that checks stands, too, and a DEL ends it at once, which its pod hears of only after this step.
   */
  readonly standing: boolean;
  /** Handed to the pod and not answered yet, oldest first. */
  readonly calls: readonly AttachmentCall[];
  /** Its pod died of a mistake in this program: nobody knows what it left in the kernel. */
  readonly abandoned?: true;
}

/** A GC under way. */
export interface Collection {
  readonly requestId: string;
  readonly replyTo: Recipient<PodAnswer>;
  readonly open: number;
  readonly removed: number;
  readonly failures: readonly CniFailure[];
}

/** A call that waits until it can be served. */
export type HeldCall = AttachmentCall | CollectCall;

export interface PodsContext {
  readonly settings: PodsSettings;
  readonly routerAddresses: readonly string[];
  readonly parent: Recipient<PodsReport>;
  /** For its pods. */
  readonly policy: Recipient<PolicyCall> | null;
  /** The child that deletes the links of its pods. */
  readonly links: Recipient<LinksEvent>;
  readonly pools: readonly AddressPool[];
  readonly slots: Slots<Attachment>;
  /** Calls that came before they could be served. */
  readonly held: readonly HeldCall[];
  readonly collections: readonly Collection[];
  /** True once the root opened the registry for ADDs. */
  readonly opened: boolean;
  /** Why new attachments are refused; empty when they are not. */
  readonly refusal: string;
  /** Why the last recovery failed. */
  readonly failure: Failure | null;
}
