/** Whether the routes of this identity were ever proven to serve, across restarts and reboots. */
export interface ProofRecord {
  /** The pod CIDRs that were proven; empty when the record is absent, unreadable or of another identity. */
  recall(): Promise<readonly string[]>;
  /** Repeatable. Throws a HeadcniError NOT_WRITTEN. */
  record(podCidrs: readonly string[], signal: AbortSignal): Promise<void>;
  /** Absent is fine. */
  remove(): Promise<void>;
}

/** What a proof is of, besides the pod CIDRs: another node name or server has to be proven again. */
export interface ProvenIdentity {
  readonly nodeName: string;
  readonly headscaleUrl: string;
}
