/**
 * The label matcher for a machine in one of these states, by their paths. A machine with parallel regions has a series for the
 * state of each region (src/observe/metrics/machine-metrics.ts).
 */
export function stateMatcher(paths: readonly string[]): string {
  return paths.length === 1 ? `state="${paths[0]}"` : `state=~"${paths.map(quoted).join("|")}"`;
}

/** A regular expression, in Go's template syntax for `match`, that finds the state in a label. */
export function labelPattern(path: string): string {
  return `^${quoted(path)}$`;
}

function quoted(text: string): string {
  return text.replaceAll(".", "[.]");
}
