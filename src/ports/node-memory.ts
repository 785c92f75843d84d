/** The pod CIDRs that this node last had, across restarts and reboots: with the API server away it goes on with them. */
export interface NodeMemory {
  /** Empty when nothing readable of this node is remembered. */
  recall(): Promise<readonly string[]>;
  /** Repeatable, atomic. Throws a HeadcniError NOT_WRITTEN. */
  remember(podCidrs: readonly string[], signal: AbortSignal): Promise<void>;
}
