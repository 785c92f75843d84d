import {
  addressBytes,
  addressFamily,
  familyNumber,
  familyOf,
  macBytes,
  readAddress,
  readMac,
} from "./attribute-values.ts";
import { NDA, NUD, ndmsg } from "./include/linux/neighbour.ts";
import { NLM_F } from "./include/linux/netlink.ts";
import { RTM } from "./include/linux/rtnetlink.ts";
import { decodeAttributes, dumpOf, type NetlinkMessage } from "./netlink-message.ts";
import { decodeStruct, encodeStruct } from "./struct.ts";

/** A neighbour table entry: no ARP or neighbour discovery is needed to reach `address`. */
export interface Neighbour {
  readonly linkIndex: number;
  readonly address: string;
  readonly mac: string;
  readonly permanent: boolean;
}

/** RTM_NEWNEIGH: adds or overwrites a permanent entry. */
export function permanentNeighbour(neighbour: Omit<Neighbour, "permanent">): NetlinkMessage {
  return {
    type: RTM.NEWNEIGH,
    flags: NLM_F.CREATE | NLM_F.REPLACE,
    header: encodeStruct(ndmsg, {
      ndm_family: addressFamily(familyOf(neighbour.address)),
      ndm_ifindex: neighbour.linkIndex,
      ndm_state: NUD.PERMANENT,
    }),
    attributes: [
      { type: NDA.DST, value: addressBytes(neighbour.address) },
      { type: NDA.LLADDR, value: macBytes(neighbour.mac) },
    ],
  };
}

/** RTM_GETNEIGH: every entry of the neighbour table. */
export function dumpNeighbours(): NetlinkMessage {
  return dumpOf(RTM.GETNEIGH, encodeStruct(ndmsg, {}));
}

/** Payload of RTM_NEWNEIGH; undefined for families other than IP. Throws NetlinkDecodeError. */
export function decodeNeighbour(payload: Buffer): Neighbour | undefined {
  const header = decodeStruct(ndmsg, payload);
  if (familyNumber(header.ndm_family) === undefined) return undefined;
  const attributes = decodeAttributes(payload, ndmsg.size);
  const address = readAddress(attributes.get(NDA.DST));
  if (address === undefined) return undefined;
  return {
    linkIndex: header.ndm_ifindex,
    address,
    mac: readMac(attributes.get(NDA.LLADDR)),
    permanent: (header.ndm_state & NUD.PERMANENT) !== 0,
  };
}
