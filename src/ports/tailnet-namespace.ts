/** The namespace X with its veth to the node. */
export interface TailnetNamespace {
  /**
   * Creates X (bind-mounted at `<runtimeDir>/tailnet.netns`), its veth pair with both ends up and addressed out of
   * `linkCIDR`, loopback up and the default route to the node; keeps what is already right. Opens it in the kernel port.
   */
  ensure(ownPrefixes: readonly string[]): Promise<void>;
  /** Removes the veth and X; absent is fine. */
  remove(): Promise<void>;
}
