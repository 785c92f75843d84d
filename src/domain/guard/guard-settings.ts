import { addressAt, parsePrefix, routerAddress } from "../addresses/prefix.ts";

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
  /** Whether Kubernetes names the cluster's Nodes. Without it pods reach no address of a member of the tailnet. */
  readonly nodesKnown: boolean;
  /** Whether NetworkPolicies are enforced, in a table of their own that another machine keeps. Else what is left of one goes. */
  readonly networkPolicies: boolean;
  /** Addresses of Services; none without Kubernetes, where they are anybody's. */
  readonly services: readonly string[];
  /** Who may open flows from the underlay to pods, Services and other nodes' pods. */
  readonly allowFromUnderlay: AllowedFromUnderlay;
}

/** Where tailscaled runs. */
export type Carrier = NamespaceCarrier | HostCarrier;
export type NamespaceGuard = GuardSettings<NamespaceCarrier>;
export type HostGuard = GuardSettings<HostCarrier>;

/** Our own tailscaled, in the tailnet namespace. */
export interface NamespaceCarrier {
  readonly kind: "namespace";
  /**
   * Prefixes of the veth between the node (first address) and the tailnet namespace (second), by which tailscaled reaches the underlay: one
   * of IPv4, and one of IPv6 where it has that, too; not link-local.
   */
  readonly linkPrefixes: readonly string[];
  /** tailscaled's interface inside the tailnet namespace; its MTU is the pods', too. */
  readonly tunnel: { readonly name: string; readonly mtu: number };
  /** tailscaled's UDP port, the same on the node and in the tailnet namespace. */
  readonly underlayPort: number;
}

/** The node's own tailscaled, in the node's namespace, whose owner goes on using it. */
export interface HostCarrier {
  readonly kind: "host";
  /** tailscaled's interface: found by its address, for the owner may name it (`tailscaled --tun`). Its MTU bounds the pods'. */
  readonly tunnel: { readonly name: string; readonly mtu: number };
  readonly confineTable52: Table52Confinement;
  /** Whether pods may ask tailscaled's resolver: the node's resolv.conf names it, and cluster DNS forwards there. */
  readonly magicDns: boolean;
  /** It is in another tailnet than Headscale's: whoever serves prefixes of pods there is none of ours. */
  readonly elsewhere: boolean;
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

/** The next hops of IPv6, by pods' packets, too, which need no address of the underlay: link-local. */
const hops6: LinkEnds = { node: "fe80::4843:1", tailnet: "fe80::4843:2", prefixLength: 64 };

/** The addresses of the veth that are next hops of a family. */
export function linkEnds({ carrier }: NamespaceGuard, family: 4 | 6): LinkEnds {
  return family === 6 ? hops6 : underlayEnds4(carrier.linkPrefixes);
}

/**
 * The addresses of the veth by which tailscaled reaches the underlay: the tailnet namespace's is the source of what it sends there,
 * translated by the node. Of IPv6 it is a unique local one: tailscaled takes that for a way out that is translated, learns by STUN what it
 * becomes, and does not announce it as it is (tailscale 1.102.3, net/netmon/state.go, isUsableV6 and LocalAddresses).
 */
export interface UnderlayEnds extends LinkEnds {
  readonly family: 4 | 6;
}

/** One entry per link prefix. */
export function underlayEnds(linkPrefixes: readonly string[]): readonly UnderlayEnds[] {
  return linkPrefixes.map((text) => {
    const prefix = parsePrefix(text);
    const [node, tailnet] = [addressAt(prefix, 1n), addressAt(prefix, 2n)];
    return { family: prefix.family, node, tailnet, prefixLength: prefix.length };
  });
}

/** Those of IPv4, which every veth has. */
export function underlayEnds4(linkPrefixes: readonly string[]): LinkEnds {
  const ends = underlayEnds(linkPrefixes).find(({ family }) => family === 4);
  if (ends === undefined) throw new Error(`no IPv4 prefix in ${linkPrefixes.join(", ")}`);
  return ends;
}

/** Families of the veth: IPv4 always, IPv6 where pods or tailscaled's underlay have it. */
export function linkFamilies(settings: NamespaceGuard): readonly (4 | 6)[] {
  const families = [...familySettings(settings), ...underlayEnds(settings.carrier.linkPrefixes)];
  return families.some(({ family }) => family === 6) ? [4, 6] : [4];
}

/** All addresses of the veth. */
export function linkAddresses(settings: NamespaceGuard): readonly LinkEnds[] {
  const hops = linkFamilies(settings).includes(6) ? [hops6] : [];
  return [...underlayEnds(settings.carrier.linkPrefixes), ...hops];
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
