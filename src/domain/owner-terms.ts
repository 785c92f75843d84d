/**
 * What the guard must know of the owner's tailscaled, beyond the configuration. Kept in the state directory, for rules that stand
 * before tailscaled does.
 */
export interface OwnerTerms {
  /** tailscaled's interface: found by its address, for the owner may name it (`tailscaled --tun`). */
  readonly tunnel: { readonly name: string; readonly mtu: number };
  /** The tailnet addresses of this node. */
  readonly addresses: readonly string[];
  /**
   * Who looks up table 52, where what others announce stands once routes are accepted: everybody, as the owner has it; what is for the
   * tailnet's own addresses; or what main has no route for but a default one.
   */
  readonly confineTable52: "none" | "toTailnet" | "behindMain";
  /** The node's names are resolved at 100.100.100.100 (MagicDNS), and with CoreDNS the pods' too. */
  readonly magicDns: boolean;
  /** What tailscaled puts into the node's firewall (`--netfilter-mode`). */
  readonly netfilter: "off" | "nodivert" | "on";
}

/** What the owner sends by an exit node: nothing, all but what goes to the node's own LAN, or all. */
export type ExitNodeUse = "none" | "allButLan" | "all";

/** Where the owner accepts no routes himself, what others announce must not take any other traffic of the node than before. */
export function confinementOf(
  ownerAcceptsRoutes: boolean,
  exitNode: ExitNodeUse,
): OwnerTerms["confineTable52"] {
  if (ownerAcceptsRoutes) return "none";
  return ({ none: "toTailnet", allButLan: "behindMain", all: "none" } as const)[exitNode];
}

/** What a look at the node tells of it. */
export interface TunnelFacts {
  readonly addresses: readonly string[];
  /** The node's interfaces with what they are addressed by. */
  readonly links: readonly {
    readonly name: string;
    readonly mtu: number;
    readonly addresses: readonly string[];
  }[];
}

/** The interface that has the node's tailnet addresses; undefined while there is none. */
export function tunnelOf({ addresses, links }: TunnelFacts): OwnerTerms["tunnel"] | undefined {
  const link = links.find((one) => one.addresses.some((address) => addresses.includes(address)));
  return link === undefined ? undefined : { name: link.name, mtu: link.mtu };
}

/** tailscaled's own resolver (net/tsaddr: TailscaleServiceIP, TailscaleServiceIPv6). */
const magicDnsServers = ["100.100.100.100", "fd7a:115c:a1e0::53"];

/** Whether one of the node's resolv.confs, of which kubelet hands pods one, names tailscaled's resolver. */
export function namesMagicDns(resolvConfs: readonly string[]): boolean {
  return resolvConfs
    .flatMap((text) => text.split("\n"))
    .some((line) => {
      const [word, server = ""] = line.trim().split(/\s+/);
      return word === "nameserver" && magicDnsServers.includes(server);
    });
}
