/** Prefixes as the API server named them last, across restarts and reboots: with it away this node continues with them. */
export interface PrefixMemory {
  /** Empty when nothing readable of this node is remembered. */
  recall(): Promise<readonly string[]>;
  /** Repeatable, atomic. Throws a HeadcniError NOT_WRITTEN. */
  remember(prefixes: readonly string[], signal: AbortSignal): Promise<void>;
}
