import type { PolicyMemory } from "../domain/policy/policy-ledger.ts";

/** Policies, namespaces and pods in the state directory, for a start without the API server. */
export interface PolicyMemoryStore {
  /** Null where there is nothing, or nothing that this release can read. */
  read(): Promise<PolicyMemory | null>;
  /** Repeatable, atomic. Throws a HeadcniError NOT_WRITTEN. */
  write(memory: PolicyMemory, signal: AbortSignal): Promise<void>;
}
