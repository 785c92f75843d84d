/** A CNI plugin to measure, on the node it attaches pods to. */
export type Candidate = {
  readonly name: string;
  /** Named network namespace of the node. */
  readonly netns: string;
  /** Absolute path of the plugin. */
  readonly plugin: string;
  /** CNI_PATH: where the plugin finds its IPAM plugin, if it wants one. */
  readonly cniPath: string;
  /** The plugin's stdin for ADD: its part of the conflist with `cniVersion` and `name`, as libcni builds it. */
  readonly config: Readonly<Record<string, unknown>>;
};
