import type { NodeVerdict } from "../../src/domain/approval/route-decisions.ts";
import type { NodeLedger } from "../../src/domain/kubernetes/node-ledger.ts";

/** From `election` to the root. */
export type LeadershipReport =
  /** This controller holds the Lease: it alone may change anything. */
  | { readonly type: "leadership.gained" }
  /** It does not any more: what is being done is given up at once. */
  | { readonly type: "leadership.lost" };

/** To `election`: give the Lease back and end. */
export type ElectionEvent = { readonly type: "election.resign" };

/** From `nodeLedger` to the root, and from there to `approvals`: the Nodes that count. */
export type LedgerReport = { readonly type: "ledger.changed"; readonly ledger: NodeLedger };

/** From `joinKey` to the root, and from there to `approvals`: ids of the keys with which nodes may have joined. */
export type KeysReport = { readonly type: "keys.known"; readonly ids: readonly string[] };

/** From the process's signals. */
export type ControllerEvent =
  | LeadershipReport
  | LedgerReport
  | KeysReport
  | { readonly type: "controller.stop" };

export type ApprovalsEvent = LedgerReport | KeysReport;

/** To an `approval`: how far its Node has come; null: the Node is gone. */
export type ApprovalEvent = { readonly type: "node.judged"; readonly verdict: NodeVerdict | null };
