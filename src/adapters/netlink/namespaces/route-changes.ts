import { parseLinkAlias } from "../../../domain/attachment/link-alias.ts";
import { attachmentLinkGroup, routeProtocol } from "../../../domain/kernel/kernel-constants.ts";
import type { KernelChange, NamespaceName } from "../../../domain/kernel/kernel-state.ts";
import { isOurs } from "../attachment/find-attachments.ts";
import { addressType, decodeAddress } from "../wire-format/address-messages.ts";
import { readU32 } from "../wire-format/attribute-values.ts";
import { decodeLink, linkType } from "../wire-format/link-messages.ts";
import { decodeAttributes, type ReceivedMessage } from "../wire-format/netlink-message.ts";
import { decodeRoute, routeType } from "../wire-format/route-messages.ts";
import { decodeRule, ruleType } from "../wire-format/rule-messages.ts";

const localTable = 255;
/** RTM_NEWNETCONF; NETCONFA_IFINDEX with NETCONFA_IFINDEX_ALL as u32, after struct netconfmsg (linux/netconf.h). */
const netconf = { type: 80, headerLength: 4, ifindex: 1, all: 0xffffffff } as const;

/**
 * What an rtnetlink notification means to the daemon; undefined for what is certainly its own doing. `ownPortId` is the
 * socket of our requests: the kernel stamps the routes and addresses changed through it. Throws NetlinkDecodeError.
 */
export function routeChange(
  namespace: NamespaceName,
  message: ReceivedMessage,
  ownPortId: number,
): KernelChange | undefined {
  const what = subject(message, ownPortId);
  return what === undefined ? undefined : { namespace, ...what };
}

type Change = Omit<KernelChange, "namespace">;

function subject(message: ReceivedMessage, ownPortId: number): Change | undefined {
  switch (message.type) {
    case linkType.new:
    case linkType.delete:
      return linkChange(message);
    case addressType.new:
    case addressType.delete:
      return addressChange(message);
    case routeType.new:
    case routeType.delete:
      return message.portId === ownPortId ? undefined : routeTableChange(message);
    case ruleType.new:
    case ruleType.delete:
      return message.portId === ownPortId ? undefined : ruleChange(message);
    case netconf.type:
      return sysctlChange(message);
    default:
      return undefined;
  }
}

/**
 * Our own links change several times in each life. Only two of these are news: a committed one is gone, or down. (Leaving
 * ones are in another group; new ones have no alias that says `ready`.)
 */
function linkChange(message: ReceivedMessage): Change | undefined {
  const removed = message.type === linkType.delete;
  const link = decodeLink(message.payload);
  const change: Change = { what: "link", removed, subject: link.name };
  if (!isOurs(link)) return change;
  if (link.group !== attachmentLinkGroup || (link.up && !removed)) return undefined;
  return parseLinkAlias(link.alias)?.state === "ready" ? change : undefined;
}

function addressChange(message: ReceivedMessage): Change | undefined {
  const address = decodeAddress(message.payload);
  if (address === undefined) return undefined;
  const { linkIndex, prefixLength } = address;
  const text = `${address.address}/${prefixLength} on link ${linkIndex}`;
  return { what: "address", removed: message.type === addressType.delete, subject: text };
}

/** The `local` table follows the addresses, which have their own notifications. */
function routeTableChange(message: ReceivedMessage): Change | undefined {
  const route = decodeRoute(message.payload);
  if (route === undefined || route.table === localTable) return undefined;
  const removed = message.type === routeType.delete;
  if (!removed && route.protocol === routeProtocol) return undefined;
  return { what: "route", removed, subject: `${route.destination} in table ${route.table}` };
}

function ruleChange(message: ReceivedMessage): Change | undefined {
  const rule = decodeRule(message.payload);
  if (rule === undefined) return undefined;
  return { what: "rule", removed: message.type === ruleType.delete, subject: String(rule.priority) };
}

/** Forwarding or reverse path filtering for all links; the same of one link comes with each new pod and is no news. */
function sysctlChange(message: ReceivedMessage): Change | undefined {
  const ifindex = decodeAttributes(message.payload, netconf.headerLength).get(netconf.ifindex);
  if (readU32(ifindex) !== netconf.all) return undefined;
  return { what: "sysctl", removed: false, subject: "all" };
}
