/** A pod of a DaemonSet by what became of it on its node. */
export interface CleanupPod {
  readonly node: string;
  readonly ready: boolean;
}

/** How the nodes of a cluster stand once HeadCNI has been taken from them as far as possible; names, sorted. */
export interface NodeCleanup {
  readonly clean: readonly string[];
  /** Their kubelet does not report, so nothing can happen there. */
  readonly silent: readonly string[];
  /** Their kubelet reports, but HeadCNI did not end there or could not be cleaned up in time. */
  readonly failed: readonly string[];
}

/** The nodes of pods that somebody may wait for: those whose kubelet does something about its pods. */
export function awaitedNodes(pods: readonly CleanupPod[], silent: readonly string[]): readonly string[] {
  const waiting = pods.filter(({ node, ready }) => !ready && !silent.includes(node));
  return [...new Set(waiting.map(({ node }) => node))].sort();
}

/** Sorts the nodes by what became of the pods that clean them up. */
export function nodeCleanup(pods: readonly CleanupPod[], silent: readonly string[]): NodeCleanup {
  const names = (some: readonly CleanupPod[]) => some.map(({ node }) => node).sort();
  const rest = pods.filter(({ ready }) => !ready);
  return {
    clean: names(pods.filter(({ ready }) => ready)),
    silent: names(rest.filter(({ node }) => silent.includes(node))),
    failed: awaitedNodes(pods, silent),
  };
}

/** What an operator is told, line by line; `set` is the DaemonSet that cleaned up, `advice` what to do about nodes that are not clean. */
export function cleanupReport(
  { clean, silent, failed }: NodeCleanup,
  set: string,
  advice: string,
): readonly string[] {
  const names = (title: string, nodes: readonly string[], why: string) =>
    nodes.length === 0 ? [] : [`${title}: ${nodes.join(", ")}${why}`];
  return [
    ...names("clean", clean, ""),
    ...names("NOT CLEAN", silent, " (kubelet does not report: switched off, or cut off?)"),
    ...names("NOT CLEAN", failed, ` (in time; see the pods of DaemonSet ${set} there, container cleanup)`),
    ...(silent.length + failed.length === 0 || advice === "" ? [] : [advice]),
  ];
}
