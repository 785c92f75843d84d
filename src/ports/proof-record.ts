/** What a HeadcniError of this port holds. */
export type ProofRecordFailure = {
  readonly code: "NOT_WRITTEN" | "NOT_REMOVED";
  readonly path: string;
  /** errno name. */
  readonly reason: string;
};

/** Whether the routes of this identity were ever proven to serve, across restarts and reboots (DESIGN section 5). */
export interface ProofRecord {
  /** True when the record is of exactly this identity; an unreadable or foreign record counts as none. */
  isProven(): Promise<boolean>;
  /** Repeatable. Throws ProofRecordFailure NOT_WRITTEN. */
  record(signal: AbortSignal): Promise<void>;
  /** Absent is fine. */
  remove(): Promise<void>;
}

/** What a proof is of: another node name, server or pod prefix has to be proven again. */
export interface ProvenIdentity {
  readonly nodeName: string;
  readonly headscaleUrl: string;
  readonly nodePodCidrs: readonly string[];
}
