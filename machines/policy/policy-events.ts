import type { Failure } from "../../src/domain/failure.ts";
import type { AttachedPod } from "../../src/domain/policy/network-policy.ts";
import type { PolicyLedger, PolicyMemory, PolicySource } from "../../src/domain/policy/policy-ledger.ts";
import type { PolicyProblem } from "../../src/domain/policy/policy-limits.ts";
import type { ClusterNodesReport } from "../cluster-nodes/cluster-nodes-machine.ts";
import type { Recipient } from "../support/recipient.ts";
import type { WatchReport } from "../watch/watch-events.ts";

export interface PolicyInput {
  /** Spreads the waits of nodes: the node's name. */
  readonly seed: string;
}

/** What pods tell; `key` is their attachment's. */
export type PolicyCall =
  /** A pod is about to have its addresses, or has them. `replyTo` is told once its policies are in force. */
  | {
      readonly type: "policies.wanted";
      readonly key: string;
      readonly pod: AttachedPod;
      readonly replyTo: Recipient<PoliciesInForce> | null;
    }
  /** Nothing answers by its addresses any more. */
  | { readonly type: "policies.released"; readonly key: string };

/** The answer to `policies.wanted`: no packet of the pod passes that its policies forbid. */
export interface PoliciesInForce {
  readonly type: "policies.inForce";
}

export type PolicyEvent =
  | PolicyCall
  | WatchReport<PolicySource>
  /** From the root: all pods that earlier daemons left have told of themselves. */
  | { readonly type: "pods.recovered"; readonly count: number }
  /** From the root: the cluster's Nodes. */
  | ClusterNodesReport
  /** From the watch of the table: somebody else changed it; the failure names who. */
  | { readonly type: "table.changed"; readonly failure: Failure };

/** What the effect `enforce` gets. */
export interface PolicyOrder {
  readonly ledger: PolicyLedger;
  /** Nobody knows what is in the kernel: the whole table is loaded. */
  readonly whole: boolean;
}

/** What the effect `enforce` made be in force. */
export interface Enforced {
  readonly numbers: PolicyNumbers;
  /** Policies that are refused. */
  readonly problems: readonly PolicyProblem[];
  /** Flows of before may be forbidden now. */
  readonly narrows: boolean;
}

export interface PolicyNumbers {
  /** Addresses of this node's pods that policies isolate. */
  readonly isolated: number;
  /** Elements of all sets. */
  readonly elements: number;
}

export interface PolicyContext extends PolicyInput {
  readonly ledger: PolicyLedger;
  /** What was listed at least once, and what is no longer watched. */
  readonly heard: readonly PolicySource[];
  readonly lost: readonly PolicySource[];
  readonly nodesKnown: boolean;
  /** Pods that earlier daemons left are in the ledger. */
  readonly recovered: boolean;
  /** What the state directory has; null where that is nothing. */
  readonly kept: PolicyMemory | null;
  /** What is being made be in force, or was last. */
  readonly order: PolicyOrder;
  /** What is in force, and what came of it; null before the first time. */
  readonly inForce: PolicyLedger | null;
  readonly enforced: Enforced | null;
  /** Who changed the table since the last order. */
  readonly changed: Failure | null;
  /** Who waits for an answer, by key. */
  readonly waiting: Readonly<Record<string, Recipient<PoliciesInForce>>>;
  /** Of these, whose labels are waited for no longer. */
  readonly insisted: readonly string[];
  /** Changes of the table that failed in a row. */
  readonly failures: number;
  readonly failure: Failure | null;
}
