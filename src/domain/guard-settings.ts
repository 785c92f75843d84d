import { addressAt, parsePrefix, routerAddress } from "./prefix.ts";

/** What the guard keeps true; all prefixes canonical text, one or more per family. */
export interface GuardSettings<C extends Carrier = Carrier> {
  /** This node's pod CIDRs. */
  readonly ownPrefixes: readonly string[];
  /** The cluster's pod CIDRs; each own prefix lies inside one of them. */
  readonly supernets: readonly string[];
  /** What takes pods' packets to other nodes. */
  readonly carrier: C;
  /** Whether pods that leave the cluster take the node's address. */
  readonly masquerade: boolean;
  /** Addresses of Services; none without Kubernetes, where they are anybody's. */
  readonly services: readonly string[];
  /** Who may open flows from the underlay to pods, Services and other nodes' pods. */
  readonly allowFromUnderlay: AllowedFromUnderlay;
}

/** Where tailscaled runs. */
export type Carrier = NamespaceCarrier | HostCarrier;
export type NamespaceGuard = GuardSettings<NamespaceCarrier>;
export type HostGuard = GuardSettings<HostCarrier>;

/** Our own tailscaled, in X. */
export interface NamespaceCarrier {
  readonly kind: "namespace";
  /** IPv4 prefix of the veth between the node (first address) and X (second); not link-local. */
  readonly linkPrefix: string;
  /** tailscaled's interface inside X; its MTU is the pods', too. */
  readonly tunnel: { readonly name: string; readonly mtu: number };
  /** tailscaled's UDP port, the same on the node and in X. */
  readonly underlayPort: number;
}

/** The node's own tailscaled, in the node's namespace, whose owner goes on using it. */
export interface HostCarrier {
  readonly kind: "host";
  /** tailscaled's interface, as it was found; its MTU is the pods', too. */
  readonly tunnel: { readonly name: string; readonly mtu: number };
  readonly confineTable52: Table52Confinement;
  /** Whether pods may ask tailscaled's resolver: the node's resolv.conf names it, and cluster DNS forwards there. */
  readonly magicDns: boolean;
}

/**
 * Who looks up table 52, where RouteAll puts whatever anybody in the tailnet announces, besides pods' packets: all, as tailscaled has it;
 * what is for the tailnet's own addresses; or what main has no route for but a default one.
 */
export type Table52Confinement = "none" | "toTailnet" | "behindMain";

/** Senders outside the cluster: by source prefix (canonical), or all that come in by a link of that name. */
export interface AllowedFromUnderlay {
  readonly prefixes: readonly string[];
  readonly links: readonly string[];
}

/** One end of the veth: address and prefix length. */
export interface LinkEnds {
  readonly node: string;
  readonly tailnet: string;
  readonly prefixLength: number;
}

/** IPv6 ends exist only as next hops, so they are link-local: tailscaled never sends its underlay through them. */
const ends6: LinkEnds = { node: "fe80::4843:1", tailnet: "fe80::4843:2", prefixLength: 64 };

/** The veth's addresses of a family. */
export function linkEnds({ carrier }: NamespaceGuard, family: 4 | 6): LinkEnds {
  return family === 6 ? ends6 : linkEnds4(carrier.linkPrefix);
}

/** The IPv4 addresses of the veth, out of its prefix. */
export function linkEnds4(linkPrefix: string): LinkEnds {
  const prefix = parsePrefix(linkPrefix);
  return { node: addressAt(prefix, 1n), tailnet: addressAt(prefix, 2n), prefixLength: prefix.length };
}

/** Families of the veth: the underlay that tailscaled finds in X is IPv4, whatever pods have. */
export function linkFamilies(settings: NamespaceGuard): readonly (4 | 6)[] {
  return familySettings(settings).some(({ family }) => family === 6) ? [4, 6] : [4];
}

/** Families that the node forwards. */
export function forwardedFamilies(settings: GuardSettings): readonly (4 | 6)[] {
  return byCarrier(settings, {
    namespace: linkFamilies,
    host: (shared) => familySettings(shared).map(({ family }) => family),
  });
}

/** What one kind of carrier needs, or the other. */
export function byCarrier<T>(
  settings: GuardSettings,
  needs: {
    readonly namespace: (settings: NamespaceGuard) => T;
    readonly host: (settings: HostGuard) => T;
  },
): T {
  const { carrier } = settings;
  return carrier.kind === "host"
    ? needs.host({ ...settings, carrier })
    : needs.namespace({ ...settings, carrier });
}

/** Every destination of a family. */
export const anywhere = { 4: "0.0.0.0/0", 6: "::/0" } as const;

/** The settings of one family. `router` is the address that stands for this node. */
export interface FamilySettings {
  readonly family: 4 | 6;
  readonly ownPrefixes: readonly string[];
  readonly supernets: readonly string[];
  readonly services: readonly string[];
  /** Source prefixes on the underlay that may open flows. */
  readonly allowedSources: readonly string[];
  readonly routers: readonly string[];
  readonly router: string;
}

/** One entry per family that has a pod CIDR on this node, IPv4 first. */
export function familySettings(settings: GuardSettings): readonly FamilySettings[] {
  return ([4, 6] as const).flatMap((family) => {
    const own = settings.ownPrefixes.map(parsePrefix).filter((prefix) => prefix.family === family);
    const routers = own.map(routerAddress);
    const [router] = routers;
    if (router === undefined) return [];
    const ofFamily = (prefixes: readonly string[]) =>
      prefixes.filter((text) => parsePrefix(text).family === family);
    return [
      {
        family,
        ownPrefixes: ofFamily(settings.ownPrefixes),
        supernets: ofFamily(settings.supernets),
        services: ofFamily(settings.services),
        allowedSources: ofFamily(settings.allowFromUnderlay.prefixes),
        routers,
        router,
      },
    ];
  });
}
