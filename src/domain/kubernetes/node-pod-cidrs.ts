import { containsPrefix, formatPrefix, parsePrefix } from "../addresses/prefix.ts";

/** Whether a Node's pod CIDRs can be worked with, or in words why not. */
export type PodCidrVerdict =
  | { readonly usable: true; readonly prefixes: readonly string[] }
  | { readonly usable: false; readonly problem: string };

/** Shortest useful slices: base, router address, broadcast and one pod. */
const longestLength = { 4: 30, 6: 126 } as const;

/** Judges `found` (canonical) against the pod supernets of the configuration, one per family. */
export function judgePodCidrs(found: readonly string[], supernets: readonly string[]): PodCidrVerdict {
  const refuse = (problem: string): PodCidrVerdict => ({ usable: false, problem });
  if (found.length === 0)
    return refuse(
      "the Node has no pod CIDR yet: does kube-controller-manager run with --allocate-node-cidrs, or does something set spec.podCIDRs?",
    );
  const nets = supernets.map(parsePrefix);
  const prefixes = found.map(parsePrefix);
  for (const prefix of prefixes) {
    const text = formatPrefix(prefix);
    if (!nets.some((net) => containsPrefix(net, prefix)))
      return refuse(`the Node's pod CIDR ${text} lies outside network.podCIDR ${supernets.join(", ")}`);
    if (prefix.length > longestLength[prefix.family])
      return refuse(`the Node's pod CIDR ${text} is too small for a router address and a pod`);
  }
  if (new Set(prefixes.map(({ family }) => family)).size < prefixes.length)
    return refuse(`the Node has several pod CIDRs of one family: ${found.join(", ")}`);
  const missing = nets.find(({ family }) => prefixes.every((prefix) => prefix.family !== family));
  if (missing !== undefined)
    return refuse(
      `the Node has no IPv${missing.family} pod CIDR, but network.podCIDR has ${formatPrefix(missing)}`,
    );
  return { usable: true, prefixes: inOrder(found) };
}

/** Whether two lists hold the same prefixes. */
export function samePodCidrs(a: readonly string[], b: readonly string[]): boolean {
  return inOrder(a).join() === inOrder(b).join();
}

/** IPv4 first. */
function inOrder(prefixes: readonly string[]): readonly string[] {
  return [...prefixes].sort((a, b) => parsePrefix(a).family - parsePrefix(b).family);
}
