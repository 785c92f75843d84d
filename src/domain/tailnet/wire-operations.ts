import { parsePrefix } from "../addresses/prefix.ts";
import { address, unreachable, vethOperation, viaNode } from "../guard/desired-state.ts";
import { underlayEnds4 } from "../guard/guard-settings.ts";
import { mainTable, tailnetLink } from "../kernel/kernel-constants.ts";
import type { KernelOperation } from "../kernel/kernel-state.ts";

/** What the launcher knows of the network: neither the node's pod CIDR nor its peers. */
export interface WireSettings {
  /** Of the guard's, which adds IPv6 where the node has it. */
  readonly linkPrefixes: readonly string[];
  readonly supernets: readonly string[];
  /** tailscaled's interface. */
  readonly tunnel: { readonly mtu: number };
}

/**
 * What the tailnet namespace needs before tailscaled starts in it: the veth, IPv4 to the node, and no way out for pods' packets. In order
 * of making; the guard keeps all of it later and adds the rest.
 */
export function wireOperations({ linkPrefixes, supernets, tunnel }: WireSettings): {
  readonly node: readonly KernelOperation[];
  readonly tailnet: readonly KernelOperation[];
} {
  const ends = underlayEnds4(linkPrefixes);
  return {
    node: [vethOperation(tunnel), address(tailnetLink.node, ends.node, ends.prefixLength)],
    tailnet: [
      ...supernets.map(
        (supernet): KernelOperation => ({
          op: "route.replace",
          route: unreachable(parsePrefix(supernet).family, supernet, mainTable),
        }),
      ),
      { op: "link.up", link: "lo" },
      address(tailnetLink.tailnet, ends.tailnet, ends.prefixLength),
      { op: "route.replace", route: viaNode(4, "0.0.0.0/0", ends.node) },
    ],
  };
}
