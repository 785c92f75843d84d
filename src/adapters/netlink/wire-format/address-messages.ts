import { addressBytes, addressFamily, familyNumber, familyOf, readAddress, u32 } from "./attribute-values.ts";
import {
  decodeAttributes,
  dumpOf,
  fixedHeader,
  messageFlags,
  type NetlinkMessage,
} from "./netlink-message.ts";

/** RTM_*ADDR of linux/rtnetlink.h. */
export const addressType = { new: 20, delete: 21, get: 22 } as const;

/** IFA_* of linux/if_addr.h. */
const attribute = { address: 1, local: 2, flags: 8 } as const;
/** IFA_F_NODAD: usable at once; nobody else can have an address on a point-to-point veth. */
const noDuplicateDetection = 0x02;
const headerLength = 8;

/** An address of a link. */
export interface Address {
  readonly linkIndex: number;
  /** In text, without the prefix length. */
  readonly address: string;
  readonly prefixLength: number;
}

/** Adds the address; one that is there already is fine. */
export function newAddress(address: Address): NetlinkMessage {
  return message(addressType.new, messageFlags.create | messageFlags.replace, address);
}

export function deleteAddress(address: Address): NetlinkMessage {
  return message(addressType.delete, 0, address);
}

/** Every address of the namespace (both families). */
export function dumpAddresses(): NetlinkMessage {
  return dumpOf(addressType.get, Buffer.alloc(headerLength));
}

/** Payload of RTM_NEWADDR and RTM_DELADDR; undefined for families other than IP. Throws NetlinkDecodeError. */
export function decodeAddress(payload: Buffer): Address | undefined {
  const header = fixedHeader(payload, headerLength);
  if (familyNumber(header.readUInt8(0)) === undefined) return undefined;
  const attributes = decodeAttributes(payload, headerLength);
  const address = readAddress(attributes.get(attribute.local) ?? attributes.get(attribute.address));
  if (address === undefined) return undefined;
  return { linkIndex: header.readUInt32LE(4), address, prefixLength: header.readUInt8(1) };
}

function message(type: number, flags: number, address: Address): NetlinkMessage {
  const family = familyOf(address.address);
  const header = Buffer.alloc(headerLength);
  header.writeUInt8(addressFamily(family), 0);
  header.writeUInt8(address.prefixLength, 1);
  header.writeUInt32LE(address.linkIndex, 4);
  const bytes = addressBytes(address.address);
  return {
    type,
    flags,
    header,
    attributes: [
      { type: attribute.local, value: bytes },
      { type: attribute.address, value: bytes },
      ...(family === 6 ? [{ type: attribute.flags, value: u32(noDuplicateDetection) }] : []),
    ],
  };
}
