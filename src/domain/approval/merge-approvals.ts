import { containsPrefix, type Prefix, readPrefix } from "../addresses/prefix.ts";

/** Whether a route is the cluster's business: it lies wholly inside a supernet of pods. What reaches beyond is its owner's. */
export function isInside(route: string, supernets: readonly Prefix[]): boolean {
  const prefix = readPrefix(route);
  return prefix !== undefined && supernets.some((supernet) => containsPrefix(supernet, prefix));
}

/**
 * The list to write, since Headscale replaces the whole of it: inside the supernets exactly `wanted`, outside exactly what was
 * approved before, in the order of before.
 */
export function mergeApprovals(
  approved: readonly string[],
  supernets: readonly Prefix[],
  wanted: readonly string[],
): readonly string[] {
  const kept = approved.filter((route) => !isInside(route, supernets) || wanted.includes(route));
  return [...kept, ...wanted.filter((route) => !kept.includes(route))];
}
