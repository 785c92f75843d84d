import {
  addressBytes,
  addressFamily,
  familyNumber,
  familyOf,
  macBytes,
  readAddress,
  readMac,
} from "./attribute-values.ts";
import {
  decodeAttributes,
  dumpOf,
  fixedHeader,
  messageFlags,
  type NetlinkMessage,
} from "./netlink-message.ts";

/** RTM_*NEIGH of linux/rtnetlink.h. */
const neighbourType = { new: 28, get: 30 } as const;

/** NDA_* of linux/neighbour.h. */
const attribute = { destination: 1, mac: 2 } as const;
const permanentState = 0x80;
const headerLength = 12;

/** A neighbour table entry: no ARP or neighbour discovery is needed to reach `address`. */
export interface Neighbour {
  readonly linkIndex: number;
  readonly address: string;
  readonly mac: string;
  readonly permanent: boolean;
}

/** Adds or overwrites a permanent entry. */
export function permanentNeighbour(neighbour: Omit<Neighbour, "permanent">): NetlinkMessage {
  const header = Buffer.alloc(headerLength);
  header.writeUInt8(addressFamily(familyOf(neighbour.address)), 0);
  header.writeInt32LE(neighbour.linkIndex, 4);
  header.writeUInt16LE(permanentState, 8);
  return {
    type: neighbourType.new,
    flags: messageFlags.create | messageFlags.replace,
    header,
    attributes: [
      { type: attribute.destination, value: addressBytes(neighbour.address) },
      { type: attribute.mac, value: macBytes(neighbour.mac) },
    ],
  };
}

/** Every entry of the neighbour table. */
export function dumpNeighbours(): NetlinkMessage {
  return dumpOf(neighbourType.get, Buffer.alloc(headerLength));
}

/** Payload of RTM_NEWNEIGH; undefined for families other than IP. Throws NetlinkDecodeError. */
export function decodeNeighbour(payload: Buffer): Neighbour | undefined {
  const header = fixedHeader(payload, headerLength);
  if (familyNumber(header.readUInt8(0)) === undefined) return undefined;
  const attributes = decodeAttributes(payload, headerLength);
  const address = readAddress(attributes.get(attribute.destination));
  if (address === undefined) return undefined;
  return {
    linkIndex: header.readInt32LE(4),
    address,
    mac: readMac(attributes.get(attribute.mac)),
    permanent: (header.readUInt16LE(8) & permanentState) !== 0,
  };
}
