/** The network configuration by which the container runtime finds us. */
export interface Conflist {
  /**
   * Puts the file in place, whole or not at all; an equal file is left alone, so that a restart does not make the
   * runtime load it anew. Throws a HeadcniError NOT_WRITTEN.
   */
  publish(signal: AbortSignal): Promise<PublishedConflist>;
  /** Only when the node is cleaned up: running pods need the file for DEL. Absent is fine. */
  remove(): Promise<void>;
}

export interface PublishedConflist {
  readonly path: string;
  readonly changed: boolean;
  /** Other configurations in the directory that the runtime takes instead of ours: they come first by name. */
  readonly shadowedBy: readonly string[];
}
