import { parseLinkAlias } from "../../../domain/attachment/link-alias.ts";
import { attachmentLinkGroup, routeProtocol } from "../../../domain/kernel/kernel-constants.ts";
import type { KernelChange, NamespaceName } from "../../../domain/kernel/kernel-state.ts";
import { isOurs } from "../attachment/find-attachments.ts";
import { decodeAddress } from "../wire-format/address-messages.ts";
import { RT_TABLE, RTM } from "../wire-format/include/linux/rtnetlink.ts";
import { decodeLink } from "../wire-format/link-messages.ts";
import { isAboutAllLinks } from "../wire-format/netconf-messages.ts";
import type { ReceivedMessage } from "../wire-format/netlink-message.ts";
import { decodeRoute } from "../wire-format/route-messages.ts";
import { decodeRule } from "../wire-format/rule-messages.ts";

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
    case RTM.NEWLINK:
    case RTM.DELLINK:
      return linkChange(message);
    case RTM.NEWADDR:
    case RTM.DELADDR:
      return addressChange(message);
    case RTM.NEWROUTE:
    case RTM.DELROUTE:
      return message.portId === ownPortId ? undefined : routeTableChange(message);
    case RTM.NEWRULE:
    case RTM.DELRULE:
      return message.portId === ownPortId ? undefined : ruleChange(message);
    case RTM.NEWNETCONF:
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
  const removed = message.type === RTM.DELLINK;
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
  return { what: "address", removed: message.type === RTM.DELADDR, subject: text };
}

/** The `local` table follows the addresses, which have their own notifications. */
function routeTableChange(message: ReceivedMessage): Change | undefined {
  const route = decodeRoute(message.payload);
  if (route === undefined || route.table === RT_TABLE.LOCAL) return undefined;
  const removed = message.type === RTM.DELROUTE;
  if (!removed && route.protocol === routeProtocol) return undefined;
  return { what: "route", removed, subject: `${route.destination} in table ${route.table}` };
}

function ruleChange(message: ReceivedMessage): Change | undefined {
  const rule = decodeRule(message.payload);
  if (rule === undefined) return undefined;
  return { what: "rule", removed: message.type === RTM.DELRULE, subject: String(rule.priority) };
}

/** Forwarding or reverse path filtering for all links; the same of one link comes with each new pod and is no news. */
function sysctlChange(message: ReceivedMessage): Change | undefined {
  if (!isAboutAllLinks(message.payload)) return undefined;
  return { what: "sysctl", removed: false, subject: "all" };
}
