import type { Failure } from "../../src/domain/failure.ts";
import type { GuardInvariant } from "../../src/domain/guard/guard-invariants.ts";
import type { GuardLedger } from "../../src/domain/guard/guard-ledger.ts";
import type { GuardScope } from "../../src/domain/guard/guard-observation.ts";
import type { ServiceCidrsReport } from "../service-cidrs/service-cidrs-machine.ts";
import type { Recipient } from "../support/recipient.ts";

export type GuardEvent =
  /** The tailnet namespace is open in the kernel port; sent again after it was created anew. Answered once everything holds. */
  | { readonly type: "tailnetNamespace.opened"; readonly replyTo: Recipient<NamespaceHeld> }
  /** The tailnet namespace is gone, or was never there: the guard holds the node's namespace alone until another is opened. */
  | { readonly type: "tailnetNamespace.closed" }
  | ServiceCidrsReport
  | KernelChanged;

/** The answer to `tailnetNamespace.opened`: the way from the tailnet namespace to the underlay is open, and closed to all else. */
export interface NamespaceHeld {
  readonly type: "tailnetNamespace.held";
}

/** Something changed that may matter; from the watch, gathered. */
export interface KernelChanged {
  readonly type: "kernel.changed";
  readonly scope: GuardScope;
}

/** What must hold besides the configuration; all prefixes canonical. */
export interface GuardTerms {
  /** This node's pod CIDRs. */
  readonly ownPrefixes: readonly string[];
  /** Prefixes of the cluster's ServiceCIDR objects; those of the configuration count besides. */
  readonly services: readonly string[];
}

export interface GuardInput extends GuardTerms {
  readonly health: Recipient<GuardReport>;
  readonly parent: Recipient<GuardReport>;
}

export interface GuardContext extends GuardInput {
  readonly tailnetOpen: boolean;
  /** The tailnet namespace is expected any moment: nothing is reported as held without it. */
  readonly tailnetAwaited: boolean;
  /** Waits for the answer to `tailnetNamespace.opened`. */
  readonly opener: Recipient<NamespaceHeld> | null;
  /** What the present or next check looks at. */
  readonly scope: GuardScope;
  /** What changed since that check began. */
  readonly pending: GuardScope | null;
  readonly broken: readonly GuardInvariant[];
  /** Of these, what is left alone until `truceMs` have passed. */
  readonly contested: readonly GuardInvariant[];
  readonly truceMs: number;
  readonly ledger: GuardLedger;
  readonly failure: Failure | null;
  /** Failures since everything last held. */
  readonly attempts: number;
  /** Wait of `backingOff`; a look at something else meanwhile (`retryAt`, ms, monotonic) does not start it anew. */
  readonly retryMs: number;
  readonly retryAt: number | null;
  /** Whether `guard.held` was reported since the terms changed last, and whether it is the last word. */
  readonly everHeld: boolean;
  readonly reportedHeld: boolean;
}

/** What `health` and the root learn. */
export type GuardReport =
  /** All invariants hold, in both namespaces while there is a tailnet namespace; again after each time they did not. */
  | { readonly type: "guard.held" }
  | { readonly type: "guard.repairing"; readonly invariants: readonly GuardInvariant[] }
  /** These break again each time: somebody else wants them otherwise. Repairs go on, ever more slowly. */
  | { readonly type: "guard.fighting"; readonly invariants: readonly GuardInvariant[] }
  /** A check or a repair failed; it is tried again, and the rest is held meanwhile. */
  | { readonly type: "guard.failed"; readonly failure: Failure };

/** What `check` looks at. */
export interface GuardLook extends GuardTerms {
  readonly scope: GuardScope;
  readonly tailnetOpen: boolean;
}

/** What `repair` looks at, and what it leaves broken. */
export interface RepairOrder extends GuardLook {
  readonly leave: readonly GuardInvariant[];
}

export interface CheckResult {
  readonly broken: readonly GuardInvariant[];
  /** ms, monotonic. */
  readonly at: number;
}

export interface RepairResult {
  readonly repaired: readonly GuardInvariant[];
  readonly refused: readonly { readonly invariant: GuardInvariant; readonly failure: Failure }[];
  readonly at: number;
}
