import type { Failure } from "../../src/domain/failure.ts";
import type { GuardInvariant } from "../../src/domain/guard-invariants.ts";
import type { GuardScope } from "../../src/domain/guard-observation.ts";

export type GuardEvent =
  /** X is there and open in the kernel port; sent again after X was made anew. */
  | { readonly type: "tailnetNamespace.opened" }
  /** Something changed that may matter; from the watch, gathered. */
  | { readonly type: "kernel.changed"; readonly scope: GuardScope };

/** What the root learns. */
export type GuardReport =
  /** All invariants hold in both namespaces; again after each time they did not. */
  | { readonly type: "guard.held" }
  | { readonly type: "guard.repairing"; readonly invariants: readonly GuardInvariant[] }
  /** These break again each time: somebody else wants them otherwise. Repairs go on, ever more slowly. */
  | { readonly type: "guard.fighting"; readonly invariants: readonly GuardInvariant[] }
  /** A check or a repair failed; it is tried again, and the rest is held meanwhile. */
  | { readonly type: "guard.failed"; readonly failure: Failure };

/** What `check` looks at. */
export interface GuardLook {
  readonly scope: GuardScope;
  readonly tailnetOpen: boolean;
}

/** What `repair` looks at, and what it leaves broken. */
export interface RepairOrder extends GuardLook {
  readonly leave: readonly GuardInvariant[];
}

export interface CheckResult {
  readonly broken: readonly GuardInvariant[];
  /** ms since the epoch. */
  readonly at: number;
}

export interface RepairResult {
  readonly mended: readonly GuardInvariant[];
  readonly refused: readonly { readonly invariant: GuardInvariant; readonly failure: Failure }[];
  readonly at: number;
}
