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
/** Routing table that sends the pod supernet to X. */
export const tailnetTable = 0x4843;
/** tailscaled's table (wgengine/router/osrouter, not configurable). */
export const tailscaleTable = 52;
export const mainTable = 254;
/** Before tailscaled's 5210 (its base is 5200), after `local` (0). */
export const rulePriority = { ownPrefixToMain: 5180, supernetToTailnet: 5190 } as const;
/** Gateways that exist only as permanent neighbours inside pods. */
export const podGateway = { 4: "169.254.1.1", 6: "fe80::1" } as const;
/** Node's end of the veth that joins the node with X, and X's end. */
export const tailnetLink = { node: "headcni0", tailnet: "eth0" } as const;
/** Inside a pod, per interface of order n above 0: its source rule's priority and its table are this plus n. */
export const podSourceTableBase = 18500;
/** Metric of a pod's default route is this plus the interface's order; 1024 is what the kernel makes of 0 for IPv6. */
export const podDefaultMetricBase = { 4: 0, 6: 1024 } as const;
