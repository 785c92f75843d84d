import type { NodeBinding } from "../domain/kubernetes/node-bindings.ts";
import type { Believed, Netmap, ServedRoutes } from "../domain/tailnet/believed-prefixes.ts";

/**
 * What the allowlist is made of, and where it goes: in the tailnet namespace the launcher's, beside the node's own tailscaled the daemon's.
 * Methods throw their adapters' HeadcniErrors.
 */
export interface AllowlistHost {
  /** The daemon's list of Nodes; null where there is none. */
  readList(): Promise<readonly NodeBinding[] | null>;
  /** `changed` when the list may be another, within about a second. Returns the way to end it. */
  watchList(changed: () => void): () => void;
  /**
   * Follows tailscaled's netmap: `hinted` when it changed, with the routes of the nodes that changed where nothing else did; `closed` once at
   * the end. Returns the way to end it.
   */
  followNetmap(hinted: (routes: ServedRoutes | "unknown") => void, closed: () => void): () => void;
  /** Null while tailscaled has no netmap. */
  readNetmap(signal: AbortSignal): Promise<Netmap | null>;
  /**
   * Hears who changes the table, from when it returns: `changed` with the name of the process for each time that it was not `apply`, `failed`
   * at most once and nothing after it. Returns the way to end it.
   */
  watchTable(changed: (process: string) => void, failed: (error: Error) => void): () => void;
  /** Puts it in force, whole. */
  apply(believed: Believed, signal: AbortSignal): Promise<void>;
}
