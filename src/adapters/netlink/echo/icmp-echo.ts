import { familyOf } from "../wire-format/attribute-values.ts";

/** An ICMP or ICMPv6 echo message (RFC 792, RFC 4443): type, code, checksum, identifier, sequence, data. */
export interface EchoMessage {
  readonly identifier: number;
  readonly sequence: number;
  readonly data: Buffer;
}

const headerLength = 8;
const echoTypes = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;

/** The kernel fills in the checksum of ICMPv6 on raw sockets (RFC 3542), that of ICMP is ours. */
export function encodeEchoRequest(family: 4 | 6, message: EchoMessage): Buffer {
  const packet = Buffer.alloc(headerLength + message.data.length);
  packet.writeUInt8(echoTypes[family].request, 0);
  packet.writeUInt16BE(message.identifier, 4);
  packet.writeUInt16BE(message.sequence, 6);
  packet.set(message.data, headerLength);
  if (family === 4) packet.writeUInt16BE(internetChecksum(packet), 2);
  return packet;
}

/** What a raw socket received: IPv4 comes with its IP header, IPv6 without. Undefined for all but echo replies. */
export function decodeEchoReply(family: 4 | 6, packet: Buffer): EchoMessage | undefined {
  const start = family === 4 ? ((packet.at(0) ?? 0) & 0x0f) * 4 : 0;
  const message = packet.subarray(start);
  if (message.length < headerLength || message.readUInt8(0) !== echoTypes[family].reply) return undefined;
  return {
    identifier: message.readUInt16BE(4),
    sequence: message.readUInt16BE(6),
    data: message.subarray(headerLength),
  };
}

/** RFC 1071. Over a packet with its checksum in place the result is 0. */
export function internetChecksum(packet: Uint8Array): number {
  let sum = 0;
  packet.forEach((byte, index) => {
    sum += index % 2 === 0 ? byte << 8 : byte;
  });
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** struct sockaddr_in or sockaddr_in6 with port 0. */
export function socketAddress(address: string, bytes: Uint8Array): Buffer {
  const family = familyOf(address);
  const buffer = Buffer.alloc(family === 4 ? 16 : 28);
  buffer.writeUInt16LE(family === 4 ? 2 : 10, 0);
  buffer.set(bytes, family === 4 ? 4 : 8);
  return buffer;
}
