/** One thing wrong with the configuration; `explainProblem` in src/config/config-error.ts words it for people. */
export interface ConfigProblem {
  /** Dotted key ("network.podCIDR"), or empty for the file as a whole. */
  readonly path: string;
  /** Where the value came from: "config.yaml:7:12", "HEADCNI_NETWORK_MTU", "--set network.mtu", or "default". */
  readonly source: string;
  /** The value as given, shortened; "[redacted]" for secrets, "nothing" when missing. */
  readonly found: string;
  /** What would be right, as a clause: "must be a whole number from 576 to 65455". */
  readonly wanted: string;
}

/** A key whose value differs between two configurations; secrets show as "[redacted]". */
export interface ConfigChange {
  readonly path: string;
  readonly from: string;
  readonly to: string;
}

/** A change that needs a restart of the daemon, and why. */
export interface RefusedChange extends ConfigChange {
  readonly because: string;
}

/** What a look at the changed file led to, before anything is applied. */
export interface ConfigReview {
  /** To be applied now; empty when nothing that may change live did. */
  readonly changes: readonly ConfigChange[];
  /** These keys keep their old values until the daemon restarts. */
  readonly refused: readonly RefusedChange[];
  /** When not empty the file is no valid configuration and is ignored as a whole. */
  readonly problems: readonly ConfigProblem[];
}
