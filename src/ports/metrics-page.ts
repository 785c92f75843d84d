/** Serves metrics to pods and nodes of the cluster, and to nobody else. */
export interface MetricsPage {
  /** Listens on all these addresses, or rejects and listens on none. */
  open(addresses: readonly string[]): Promise<OpenMetricsPage>;
}

export interface OpenMetricsPage {
  /** Ends open connections as well. */
  close(): Promise<void>;
}
