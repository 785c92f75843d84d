import { containsAddress, containsPrefix, type Prefix, parsePrefix } from "../addresses/prefix.ts";
import { attachmentLinkGroup, leavingLinkGroup, mainTable, tailnetLink } from "../kernel/kernel-constants.ts";
import type { KernelLink, KernelSnapshot } from "../kernel/kernel-state.ts";
import type { NamespaceGuard } from "./guard-settings.ts";

/** Where IPv6 leads to nobody on the underlay: link-local addresses, multicast, and tailnet nodes, by a tailscaled of the node's own. */
const nowhere = ["fe80::/10", "ff00::/8", "fd7a:115c:a1e0::/48"].map(parsePrefix);

/**
 * The settings for a node as it is. The tailnet namespace has IPv6 only where the node has: a node without, or not yet, is left as it is.
 * To forward IPv6 before a router advertised the node's own route would cost it that route (Documentation/networking/ip-sysctl, accept_ra).
 * What the tailnet namespace has of IPv6 it keeps: a route of the node that comes and goes would have tailscaled open its sockets anew each
 * time.
 */
export function settingsOnNode(settings: NamespaceGuard, node: KernelSnapshot): NamespaceGuard {
  const hasIpv6 = reachesByIpv6(node);
  const linkPrefixes = settings.carrier.linkPrefixes.filter((text) => {
    const prefix = parsePrefix(text);
    return prefix.family === 4 || hasIpv6 || isOnVeth(node, prefix);
  });
  return { ...settings, carrier: { ...settings.carrier, linkPrefixes } };
}

/** Links that are neither ours nor a pod's. */
export function foreignLinks({ links }: KernelSnapshot): readonly KernelLink[] {
  return links.filter(
    ({ name, group }) =>
      name !== tailnetLink.node && group !== attachmentLinkGroup && group !== leavingLinkGroup,
  );
}

/** A network by IPv6 on a link of the underlay. */
function reachesByIpv6(node: KernelSnapshot): boolean {
  const links = foreignLinks(node).filter(({ name, kind }) => name !== "lo" && kind !== "dummy");
  return node.routes.some(
    ({ family, type, table, linkIndex, destination }) =>
      family === 6 &&
      type === "unicast" &&
      table === mainTable &&
      links.some(({ index }) => index === linkIndex) &&
      !nowhere.some((prefix) => containsPrefix(prefix, parsePrefix(destination))),
  );
}

function isOnVeth({ links, addresses }: KernelSnapshot, prefix: Prefix): boolean {
  const veth = links.find(({ name }) => name === tailnetLink.node);
  return addresses.some(
    ({ linkIndex, address }) => linkIndex === veth?.index && containsAddress(prefix, address),
  );
}
