import { advertisedRouteProtocol, attachmentLinkGroup, tailnetLink } from "../kernel/kernel-constants.ts";
import type { KernelLink, KernelSnapshot, NamespaceName } from "../kernel/kernel-state.ts";
import { familySettings, forwardedFamilies, type GuardSettings } from "./guard-settings.ts";
import { foreignLinks } from "./guard-underlay.ts";

/** Values by name, names as in KernelState.readSysctls. */
export type Sysctls = Readonly<Record<string, string>>;

/** `value` is written unless the present value is it or one of `orElse`. */
export interface DesiredSysctl {
  readonly name: string;
  readonly value: string;
  readonly orElse: readonly string[];
}

/**
 * What forwarding needs, in the order of writing. Reverse path filtering is loose on the veth and in the tailnet namespace only: the
 * answer's way may be under repair while packets arrive, and our tables drop what is spoofed. The kernel takes the greater of
 * `all` and the link's, so 2 (loose) wins over 1 (Documentation/networking/ip-sysctl). A node that forwards IPv6 hears
 * router advertisements only with accept_ra 2 (same document): where it has a route out of one it would lose that route.
 * Other links are left as they are: 2 would let anybody there become the node's router. Pods never may. Where new links have no
 * IPv6 by default, the veth has it all the same.
 */
export function desiredSysctls(
  settings: GuardSettings,
  namespace: NamespaceName,
  snapshot: KernelSnapshot,
): readonly DesiredSysctl[] {
  const families = forwardedFamilies(settings);
  const veth = snapshot.links.some(({ name }) => name === tailnetLink[namespace]);
  const desired = families.includes(4) ? [entry("net/ipv4/ip_forward", "1")] : [];
  if (namespace === "tailnet") desired.push(entry("net/ipv4/conf/all/rp_filter", "2"));
  else if (veth) desired.push(entry(`net/ipv4/conf/${tailnetLink.node}/rp_filter`, "2"));
  if (!families.includes(6)) return desired;
  if (veth) desired.push(entry(`net/ipv6/conf/${tailnetLink[namespace]}/disable_ipv6`, "0"));
  if (namespace === "node") {
    for (const { name } of foreignLinks(snapshot).filter((link) => hasAdvertisedRoute(snapshot, link)))
      desired.push(entry(`net/ipv6/conf/${name}/accept_ra`, "2", ["0"]));
    for (const { name } of snapshot.links.filter(({ group }) => group === attachmentLinkGroup))
      desired.push(entry(`net/ipv6/conf/${name}/accept_ra`, "0"));
  }
  // The tailnet namespace forwards for pods alone: what tailscaled sends there, and gets, is its own.
  if (namespace === "node" || familySettings(settings).some(({ family }) => family === 6))
    desired.push(entry("net/ipv6/conf/all/forwarding", "1"));
  return desired;
}

/** The values to write. A name without a present value (its link is gone) is left alone. */
export function brokenSysctls(desired: readonly DesiredSysctl[], present: Sysctls): Sysctls {
  const broken = desired.filter(({ name, value, orElse }) => {
    const found = present[name];
    return found !== undefined && found !== value && !orElse.includes(found);
  });
  return Object.fromEntries(broken.map(({ name, value }) => [name, value]));
}

/**
 * What the kernel changes along with the forwarding switches (net/ipv4/devinet.c, inet_forward_change;
 * net/ipv6/addrconf.c, addrconf_fixup_forwarding), family by family: to be remembered before the first write to any of it. The switch
 * comes first, so that writing the values back in this order ends in the old state.
 */
export function sysctlsToRemember(snapshot: KernelSnapshot): readonly (readonly string[])[] {
  const links = foreignLinks(snapshot).map(({ name }) => name);
  return [
    [
      "net/ipv4/ip_forward",
      "net/ipv4/conf/all/accept_redirects",
      "net/ipv4/conf/default/forwarding",
      ...links.map((link) => `net/ipv4/conf/${link}/forwarding`),
    ],
    [
      "net/ipv6/conf/all/forwarding",
      "net/ipv6/conf/default/forwarding",
      ...links.flatMap((link) => [`net/ipv6/conf/${link}/forwarding`, `net/ipv6/conf/${link}/accept_ra`]),
    ],
  ];
}

function entry(name: string, value: string, orElse: readonly string[] = []): DesiredSysctl {
  return { name, value, orElse };
}

/** Of a prefix that a router advertised the kernel makes a route of its own protocol, which only its end tells apart (net/ipv6/addrconf.c, addrconf_prefix_rcv). */
function hasAdvertisedRoute({ routes }: KernelSnapshot, { index }: KernelLink): boolean {
  return routes.some(
    ({ family, protocol, expires, linkIndex }) =>
      linkIndex === index && (protocol === advertisedRouteProtocol || (family === 6 && expires === true)),
  );
}
