/** IFLA_GROUP of every host-side pod veth: this is how a fresh process knows its own links. "HC" in ASCII. */
export const attachmentLinkGroup = 0x4843;
/** Links that DEL has released; removed in one request by group: 0.5 ms a link instead of 16. */
export const leavingLinkGroup = 0x4844;
/** rtm_protocol of all our routes and rules. 0x48 is unassigned in the kernel's rtnetlink.h and iproute2's rt_protos. */
export const routeProtocol = 0x48;
/** rtm_protocol of routes out of router advertisements (RTPROT_RA, include/uapi/linux/rtnetlink.h). */
export const advertisedRouteProtocol = 9;
/** Metric of every pod's host route: NLM_F_EXCL only refuses a second route for one address at equal metric. */
export const podRouteMetric = 0x48;
/** Metric of `unreachable <supernet>`: loses against everything else. */
export const unreachableMetric = 0x7fffff48;
/** Routing table that sends the pod supernet to the tailnet namespace. */
export const tailnetTable = 0x4843;
/** tailscaled's table (wgengine/router/osrouter, not configurable). */
export const tailscaleTable = 52;
export const mainTable = 254;
/** Before tailscaled's 5210 (its base is 5200), after `local` (0). */
export const rulePriority = { ownPrefixToMain: 5180, supernetToTailnet: 5190 } as const;
/**
 * Rules beside the node's own tailscaled, whose base is 5200 (wgengine/router/osrouter/router_linux.go, baseIPRules): behind its own
 * packets, which are marked (5210 to 5250), and before everybody else's look-up of table 52 (5270). It restores its own when one
 * between 5200 and 5299 goes, which is harmless.
 */
export const hostRulePriority = {
  ownPrefixToMain: 5199,
  tailnetToTable52: 5260,
  supernetToTable52: 5262,
  supernetUnreachable: 5263,
  mainBeforeTable52: 5265,
  pastTable52: 5269,
  behindTable52: 5290,
} as const;
/** What tailscaled sets on packets that came in by its interface, and its bits of the mark (tsconst/linuxfw.go). */
export const subnetRouteMark = { mark: 0x40000, mask: 0xff0000 } as const;
/** Addresses of the tailnet's members (net/tsaddr/tsaddr.go, CGNATRange and TailscaleULARange). */
export const tailnetRange = { 4: "100.64.0.0/10", 6: "fd7a:115c:a1e0::/48" } as const;
/** tailscaled's resolver (net/tsaddr/tsaddr.go, TailscaleServiceIP and TailscaleServiceIPv6). */
export const magicDnsAddress = { 4: "100.100.100.100", 6: "fd7a:115c:a1e0::53" } as const;
/** Gateways that exist only as permanent neighbours inside pods. */
export const podGateway = { 4: "169.254.1.1", 6: "fe80::1" } as const;
/** Node's end of the veth that joins the node with the tailnet namespace, and the other end. */
export const tailnetLink = { node: "headcni0", tailnet: "eth0" } as const;
/** Inside a pod, per interface of order n above 0: its source rule's priority and its table are this plus n. */
export const podSourceTableBase = 18500;
/** Metric of a pod's default route is this plus the interface's order; 1024 is what the kernel makes of 0 for IPv6. */
export const podDefaultMetricBase = { 4: 0, 6: 1024 } as const;
