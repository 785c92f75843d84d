import { readU32 } from "./attribute-values.ts";
import { NETCONFA, netconfmsg } from "./include/linux/netconf.ts";
import { decodeAttributes } from "./netlink-message.ts";

/**
 * Payload of RTM_NEWNETCONF: whether the sysctl that changed is the one for all links (net.ipv4.conf.all), and not a single link's or
 * the default. Throws NetlinkDecodeError.
 */
export function isAboutAllLinks(payload: Buffer): boolean {
  const ifindex = readU32(decodeAttributes(payload, netconfmsg.size).get(NETCONFA.IFINDEX));
  return ifindex === NETCONFA.IFINDEX_ALL >>> 0;
}
