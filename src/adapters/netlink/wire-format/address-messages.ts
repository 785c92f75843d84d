import { addressBytes, addressFamily, familyNumber, familyOf, readAddress, u32 } from "./attribute-values.ts";
import { IFA, IFA_F, ifaddrmsg } from "./include/linux/if_addr.ts";
import { NLM_F } from "./include/linux/netlink.ts";
import { RTM } from "./include/linux/rtnetlink.ts";
import { decodeAttributes, dumpOf, type NetlinkMessage } from "./netlink-message.ts";
import { decodeStruct, encodeStruct } from "./struct.ts";

/** An address of a link. */
export interface Address {
  readonly linkIndex: number;
  /** In text, without the prefix length. */
  readonly address: string;
  readonly prefixLength: number;
}

/** RTM_NEWADDR: adds the address; one that is there already is fine. An IPv6 address is not looked for among the neighbours (IFA_F_NODAD). */
export function newAddress(address: Address): NetlinkMessage {
  return message(RTM.NEWADDR, NLM_F.CREATE | NLM_F.REPLACE, address);
}

/** RTM_DELADDR; EADDRNOTAVAIL when it is not there. */
export function deleteAddress(address: Address): NetlinkMessage {
  return message(RTM.DELADDR, 0, address);
}

/** RTM_GETADDR: every address of the namespace, both families. */
export function dumpAddresses(): NetlinkMessage {
  return dumpOf(RTM.GETADDR, encodeStruct(ifaddrmsg, {}));
}

/** Payload of RTM_NEWADDR and RTM_DELADDR; undefined for families other than IP. Throws NetlinkDecodeError. */
export function decodeAddress(payload: Buffer): Address | undefined {
  const header = decodeStruct(ifaddrmsg, payload);
  if (familyNumber(header.ifa_family) === undefined) return undefined;
  const attributes = decodeAttributes(payload, ifaddrmsg.size);
  const address = readAddress(attributes.get(IFA.LOCAL) ?? attributes.get(IFA.ADDRESS));
  if (address === undefined) return undefined;
  return { linkIndex: header.ifa_index, address, prefixLength: header.ifa_prefixlen };
}

function message(type: number, flags: number, address: Address): NetlinkMessage {
  const family = familyOf(address.address);
  const bytes = addressBytes(address.address);
  return {
    type,
    flags,
    header: encodeStruct(ifaddrmsg, {
      ifa_family: addressFamily(family),
      ifa_prefixlen: address.prefixLength,
      ifa_index: address.linkIndex,
    }),
    attributes: [
      { type: IFA.LOCAL, value: bytes },
      { type: IFA.ADDRESS, value: bytes },
      // Usable at once: nobody else can have an address on a point-to-point veth.
      ...(family === 6 ? [{ type: IFA.FLAGS, value: u32(IFA_F.NODAD) }] : []),
    ],
  };
}
