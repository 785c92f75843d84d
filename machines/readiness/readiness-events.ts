import type { Recipient } from "../support/recipient.ts";

export type ReadinessEvent =
  /** This node's pod CIDRs are known: part of what is proven. */
  | { readonly type: "readiness.begun"; readonly prefixes: readonly string[] }
  /** ADD can be served: the kernel is recovered and the guard holds. */
  | { readonly type: "readiness.serving" }
  /** This node's own prefixes were proven to serve. */
  | { readonly type: "readiness.proven" }
  /** The operator changed whether a proof is needed. */
  | { readonly type: "readiness.proofWanted"; readonly wanted: boolean };

/** What `health` is told. */
export type ReadinessFact =
  /** The node may be used: an earlier life proved it, or the container runtime finds us. */
  | { readonly type: "proof.given" }
  /** Not until its route is proven. */
  | { readonly type: "proof.wanted" };

export interface ReadinessSettings {
  /** Whether the conflist and STATUS wait for the proof of this node's routes. */
  readonly proofWanted: boolean;
  /** The pod CIDRs with which an earlier life proved this node; empty without one. */
  readonly provenPrefixes: readonly string[];
}

export interface ReadinessInput extends ReadinessSettings {
  readonly health: Recipient<ReadinessFact>;
}
