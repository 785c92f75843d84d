/**
 * What must hold in both namespaces, by the name used in logs, in `headcni_guard_repairs_total{invariant}` and in
 * /debug/machines. `node.*` is the node's own namespace, `tailnet.*` is the tailnet namespace.
 */
export const guardInvariants = [
  /** The veth between the node and the tailnet namespace exists, both ends are up. */
  "node.link",
  "tailnet.link",
  /** The veth's own addresses. */
  "node.linkAddress",
  "tailnet.linkAddress",
  /** The first address of each own pod CIDR stands on the node's end; beside the node's own tailscaled on loopback. */
  "node.routerAddress",
  /** Main sends no pod packet unencrypted: `unreachable <supernet>` at a metric that loses against every real route. */
  "node.unreachable",
  "tailnet.unreachable",
  /**
   * Table T: the default route through the tailnet namespace with the router address as source, and a refusal for when the tailnet
   * namespace is away.
   */
  "node.tailnetUnreachable",
  "node.tailnetRoute",
  /** The tailnet namespace reaches the underlay and the own pods through the node. */
  "tailnet.defaultRoute",
  "tailnet.ownRoute",
  /** The own pod CIDR is decided by main, before tailscaled's 5210 and 5270. */
  "node.ownRule",
  "tailnet.ownRule",
  /** The rest of the supernet is decided by the table `tailnetTable`; beside the node's own tailscaled by its table, and refused behind it. */
  "node.supernetRule",
  /** Beside the node's own tailscaled: what is neither a pod's nor the tailnet's goes where its owner had it go. */
  "node.table52",
  /** Every attached pod has its host route: the kernel drops them all when the router address goes. */
  "node.podRoutes",
  /** Nothing of ours is left from an earlier configuration. */
  "node.leftovers",
  "tailnet.leftovers",
  "node.sysctls",
  "tailnet.sysctls",
  /** Our nftables table, whole and unchanged. */
  "node.firewall",
  "tailnet.firewall",
  /** Another program's FORWARD or INPUT chain that drops by default accepts what pods need. */
  "node.foreignFirewall",
] as const;

export type GuardInvariant = (typeof guardInvariants)[number];
