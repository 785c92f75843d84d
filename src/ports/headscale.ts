export type HeadscaleFailure =
  | { readonly code: "UNREACHABLE"; readonly reason: string }
  /** `FORBIDDEN`: the key is good, but not for this (a scope of 0.30). */
  | { readonly code: "UNAUTHORIZED" | "FORBIDDEN" }
  | { readonly code: "NOT_FOUND" | "REJECTED"; readonly status: number; readonly text: string }
  | { readonly code: "UNAVAILABLE"; readonly status: number }
  | { readonly code: "UNREADABLE"; readonly path: string; readonly text: string }
  | { readonly code: "CREDENTIALS_MISSING"; readonly text: string };

/** A tailnet node as Headscale lists it. */
export interface HeadscaleNode {
  readonly id: string;
  readonly name: string;
  readonly online: boolean;
  readonly availableRoutes: readonly string[];
  readonly approvedRoutes: readonly string[];
  readonly servingRoutes: readonly string[];
}

/** Headscale's REST API, versions 0.29 and 0.30. Each authenticated call costs the server a bcrypt: never poll it. */
export interface Headscale {
  /** GET /health, no key needed. */
  probe(signal: AbortSignal): Promise<void>;
  /** One authenticated read: proves the API key. */
  authenticate(signal: AbortSignal): Promise<void>;
  /** A one-shot, tagged pre-auth key that expires within 24 h. */
  createAuthKey(tags: readonly string[], signal: AbortSignal): Promise<string>;
  /** Read, merge, write: approves `prefixes` on the node and keeps every other approval. */
  approveRoutes(nodeId: string, prefixes: readonly string[], signal: AbortSignal): Promise<HeadscaleNode>;
  /**
   * Clears the place of a node that left the cluster: nodes of that name which have no approved prefix but these are
   * deleted if they are offline, and expire if they are not. Returns how many there were; none is no error.
   */
  removeNode(hostname: string, prefixes: readonly string[], signal: AbortSignal): Promise<number>;
  listNodes(signal: AbortSignal): Promise<readonly HeadscaleNode[]>;
}
