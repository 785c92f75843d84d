import type { HostCarrier, Table52Confinement } from "../guard/guard-settings.ts";
import { magicDnsAddress } from "../kernel/kernel-constants.ts";

/**
 * What the guard must know of the owner's tailscaled, beyond the configuration. Kept in the state directory, for rules that stand
 * before tailscaled does.
 */
export interface OwnerTerms extends Omit<HostCarrier, "kind"> {
  /** The tailnet addresses of this node. */
  readonly addresses: readonly string[];
  /** What tailscaled puts into the node's firewall (`--netfilter-mode`). */
  readonly netfilter: "off" | "nodivert" | "on";
}

/** What a look at it tells of that; which tailnet is ours it does not know. */
export type SeenTerms = Omit<OwnerTerms, "elsewhere">;

/** Before anything is known of the owner's tailscaled, nothing of ours is set in it: pods are refused, and all else is as it was. */
export function carrierOf(terms: OwnerTerms | null, mtu: number): HostCarrier {
  if (terms === null) {
    const tunnel = { name: "tailscale0", mtu };
    return { kind: "host", tunnel, confineTable52: "none", magicDns: false, elsewhere: false };
  }
  const { tunnel, confineTable52, magicDns, elsewhere } = terms;
  return { kind: "host", tunnel, confineTable52, magicDns, elsewhere };
}

/** What the owner sends by an exit node: nothing, all but what goes to the node's own LAN, or all. */
export type ExitNodeUse = "none" | "allButLan" | "all";

/** Where the owner accepts no routes himself, what others announce must not take any other traffic of the node than before. */
export function confinementOf(ownerAcceptsRoutes: boolean, exitNode: ExitNodeUse): Table52Confinement {
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

/** Whether one of the node's resolv.confs, of which kubelet hands pods one, names tailscaled's resolver. */
export function namesMagicDns(resolvConfs: readonly string[]): boolean {
  return resolvConfs
    .flatMap((text) => text.split("\n"))
    .some((line) => {
      const [word, server = ""] = line.trim().split(/\s+/);
      return word === "nameserver" && Object.values<string>(magicDnsAddress).includes(server);
    });
}
