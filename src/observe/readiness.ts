/** Body of `/ready`: whether ADD is served, and what is known of this node's routes (DESIGN section 5). */
export interface Readiness {
  readonly serving: boolean;
  /** `proven`: a packet crossed the tailnet since boot; `unproven`: not yet; `degraded`: it did, and something broke since. */
  readonly state: "proven" | "unproven" | "degraded";
  /** Why it is not serving or not proven, in words; empty when all is well. */
  readonly reasons: readonly string[];
}

/** Body of `/healthz`. */
export interface Health {
  readonly alive: boolean;
  readonly reasons: readonly string[];
}
