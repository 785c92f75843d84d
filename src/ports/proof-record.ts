/** What a HeadcniError of this port holds. */
export type ProofRecordFailure = {
  readonly code: "NOT_WRITTEN" | "NOT_REMOVED";
  readonly path: string;
  /** errno name. */
  readonly reason: string;
};

/** Whether the routes of this identity were ever proven to serve, across restarts and reboots (DESIGN section 5). */
export interface ProofRecord {
  /** True when the record is of exactly this identity with these pod CIDRs; an unreadable or foreign record counts as none. */
  isProven(podCidrs: readonly string[]): Promise<boolean>;
  /** Repeatable. Throws ProofRecordFailure NOT_WRITTEN. */
  record(podCidrs: readonly string[], signal: AbortSignal): Promise<void>;
  /** Absent is fine. */
  remove(): Promise<void>;
}

/** What a proof is of, besides the pod CIDRs: another node name or server has to be proven again. */
export interface ProvenIdentity {
  readonly nodeName: string;
  readonly headscaleUrl: string;
}
