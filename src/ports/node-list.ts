import type { NodeBinding } from "../domain/kubernetes/node-bindings.ts";

/**
 * The bindings of the cluster's Nodes in the state directory: written by the daemon, read by headcni-wire, across restarts and reboots.
 * Without the API server what it says last stands.
 */
export interface NodeList {
  /** Null where there is none. Throws a HeadcniError NODE_LIST_UNREADABLE. */
  read(): Promise<readonly NodeBinding[] | null>;
  /** Repeatable, atomic. Throws a HeadcniError NOT_WRITTEN. */
  write(bindings: readonly NodeBinding[], signal: AbortSignal): Promise<void>;
}
