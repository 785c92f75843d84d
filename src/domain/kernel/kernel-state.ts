/** The two namespaces the daemon keeps in order: the node's own, and the tailnet namespace, where our tailscaled lives. */
export type NamespaceName = "node" | "tailnet";

/** rtnetlink objects as plain data; addresses are strings, prefixes "10.0.0.0/8", the default route "0.0.0.0/0" or "::/0". */
export interface KernelLink {
  readonly index: number;
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly group: number;
  readonly alias: string;
  /** IFLA_INFO_KIND: "veth", "tun", "bridge"; empty for physical links. */
  readonly kind: string;
}
export interface KernelAddress {
  readonly linkIndex: number;
  readonly address: string;
  readonly prefixLength: number;
}
export type KernelRouteType =
  | "unicast"
  | "local"
  | "broadcast"
  | "multicast"
  | "unreachable"
  | "blackhole"
  | "prohibit"
  | "throw";
export interface KernelRoute {
  readonly family: 4 | 6;
  readonly type: KernelRouteType;
  readonly destination: string;
  readonly table: number;
  /** 0 when none. */
  readonly metric: number;
  /** rtm_protocol; ours is `routeProtocol`. */
  readonly protocol: number;
  readonly linkIndex?: number;
  readonly gateway?: string;
  readonly preferredSource?: string;
  /** Gateway reachable though no route covers it (RTNH_F_ONLINK). */
  readonly onlink?: boolean;
  /** It ends by itself, as what a router advertised does (RTA_CACHEINFO, rta_expires). */
  readonly expires?: true;
  /** "link" for directly attached destinations; "universe" (default) otherwise. */
  readonly scope?: "universe" | "link" | "host";
}
export interface KernelRule {
  readonly family: 4 | 6;
  readonly priority: number;
  /** 0 where it leads to none. */
  readonly table: number;
  /** What it does instead of a look-up. */
  readonly action?: "nop" | "unreachable";
  /** Priority of the rule to go on with, instead of a look-up. Without such a rule it does nothing. */
  readonly goto?: number;
  /** Of the table only routes with longer prefixes count. */
  readonly suppressPrefixLength?: number;
  readonly source?: string;
  readonly destination?: string;
  readonly mark?: number;
  readonly mask?: number;
  /** fr_protocol (FRA_PROTOCOL). */
  readonly protocol?: number;
}

export interface KernelSnapshot {
  readonly links: readonly KernelLink[];
  readonly addresses: readonly KernelAddress[];
  readonly routes: readonly KernelRoute[];
  readonly rules: readonly KernelRule[];
}

/** A change the daemon asks of the kernel. All are repeatable: adding what is there and removing what is absent succeed. */
export type KernelOperation =
  | {
      readonly op: "address.add" | "address.remove";
      readonly link: string;
      readonly address: string;
      readonly prefixLength: number;
    }
  /** A veth pair: `link` here, `peer` in the other open namespace, both up. */
  | {
      readonly op: "link.addVeth";
      readonly link: string;
      readonly peer: string;
      readonly peerNamespace: NamespaceName;
      readonly mtu: number;
    }
  | { readonly op: "link.up"; readonly link: string }
  | { readonly op: "link.remove"; readonly link: string }
  | { readonly op: "route.replace" | "route.remove"; readonly route: KernelRouteRequest }
  | { readonly op: "rule.add" | "rule.remove"; readonly rule: KernelRule };

/** A route by link name, so that a plan can be made before the link exists. */
export type KernelRouteRequest = Omit<KernelRoute, "linkIndex"> & { readonly link?: string };

/** Something changed in a namespace; a hint to look again, never the whole truth. */
export interface KernelChange {
  readonly namespace: NamespaceName;
  readonly what: "link" | "address" | "route" | "rule" | "sysctl" | "nftables" | "overrun";
  /** True for removals. */
  readonly removed: boolean;
  /** Link name or index, route destination, rule priority, process that changed nftables: for logs. */
  readonly subject: string;
  /** Of nftables: the table of NetworkPolicies is part of it. */
  readonly policies?: true;
}
