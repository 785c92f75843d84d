import { byPlace, containsPrefix, formatPrefix, type Prefix, parsePrefix, prefixSize } from "./prefix.ts";

/**
 * What of the tailnet's announcements the guard has to refuse: all of the pod supernets that is announced by a prefix which
 * is no Node's, without what belongs to a Node inside of it. Sorted, none inside another (nft
 * takes no such set).
 */
export function refusedPrefixes(
  announced: readonly Prefix[],
  supernets: readonly Prefix[],
  expected: Readonly<Record<string, true>>,
): readonly string[] {
  const nodes = Object.keys(expected).map(parsePrefix);
  const refused = announced
    .filter((prefix) => prefix.length > 0 && expected[formatPrefix(prefix)] === undefined)
    .flatMap((prefix) => supernets.flatMap((supernet) => common(prefix, supernet)))
    .flatMap((prefix) => without(prefix, nodes));
  const widest: Prefix[] = [];
  // In order of place a prefix comes right after what holds it: how many there are is up to the peers.
  for (const prefix of refused.sort(byPlace)) {
    const [last] = widest.slice(-1);
    if (last === undefined || !containsPrefix(last, prefix)) widest.push(prefix);
  }
  return widest.map(formatPrefix).sort();
}

function common(a: Prefix, b: Prefix): readonly Prefix[] {
  if (containsPrefix(a, b)) return [b];
  return containsPrefix(b, a) ? [a] : [];
}

/** The prefix without those inside it. One inside a Node's stays: its packets would go to the wrong peer. */
function without(prefix: Prefix, others: readonly Prefix[]): readonly Prefix[] {
  const inside = others.filter((other) => containsPrefix(prefix, other));
  if (inside.length === 0) return [prefix];
  if (inside.some((other) => other.length === prefix.length)) return [];
  return halves(prefix).flatMap((half) => without(half, inside));
}

function halves({ family, base, length }: Prefix): readonly Prefix[] {
  const half: Prefix = { family, base, length: length + 1 };
  return [half, { ...half, base: base + prefixSize(half) }];
}
