/** What stands in the conflist besides the fixed parts. */
export interface ConflistContent {
  readonly networkName: string;
  readonly socketPath: string;
  /** Configurations of chained plugins, as they are. */
  readonly plugins: readonly Readonly<Record<string, unknown>>[];
}

/**
 * The network configuration list (CNI specification 1.1.0, "Network configuration format"). `cniVersions` lets newer
 * runtimes speak 1.1.0 while containerd 1.x and older, which only read `cniVersion`, speak 1.0.0.
 * `loadOnlyInlinedPlugins` keeps libcni from loading plugins out of a directory named after the network.
 */
export function conflistText({ networkName, socketPath, plugins }: ConflistContent): string {
  const conflist = {
    cniVersion: "1.0.0",
    cniVersions: ["1.0.0", "1.1.0"],
    name: networkName,
    loadOnlyInlinedPlugins: true,
    plugins: [{ type: "headcni", socketPath }, ...plugins],
  };
  return `${JSON.stringify(conflist, undefined, 2)}\n`;
}
