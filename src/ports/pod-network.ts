import type {
  AttachedLinks,
  AttachmentPlan,
  Mismatch,
  ObservedAttachment,
} from "../domain/attachment/attachment.ts";
import type { KernelRefused } from "./kernel-state.ts";

/** Why the kernel did not take an attachment. */
export type PodNetworkFailure =
  | { readonly code: "NETNS_MISSING" | "NETNS_INVALID"; readonly netns: string }
  | { readonly code: "IFNAME_TAKEN"; readonly ifname: string }
  | { readonly code: "ADDRESS_TAKEN"; readonly address: string }
  | KernelRefused
  | { readonly code: "CLOSED" };

/** The pods' part of the kernel. Every method may be repeated; what is already so counts as done. Nothing stops what began. */
export interface PodNetwork {
  /**
   * Makes the attachment whole and commits it (alias `ready`) or leaves nothing behind.
   * ADDRESS_TAKEN: another attachment holds the address; the caller picks a new one.
   */
  attach(plan: AttachmentPlan): Promise<AttachedLinks>;
  /**
   * Marks the attachment `leaving` and removes its routes: the address answers no more. The link itself waits for
   * `removeLeaving`, and keeps its names until then; false when there is none.
   */
  detach(hostLink: string): Promise<boolean>;
  /** Deletes every link that is marked `leaving` when this is called; resolves once they are gone. All of them or none. */
  removeLeaving(): Promise<void>;
  /** All links of our groups with a readable alias. */
  list(): Promise<readonly ObservedAttachment[]>;
  /** Start-up: removes everything of ours that is not `ready`, gives `ready` links their routes back; what remains. */
  recover(routerAddresses: readonly string[]): Promise<readonly ObservedAttachment[]>;
  /** Differences between the plan and the kernel; empty when all is as planned. */
  check(plan: AttachmentPlan): Promise<readonly Mismatch[]>;
}
