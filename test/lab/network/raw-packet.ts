import { internetChecksum } from "../../../src/adapters/netlink/echo/icmp-echo.ts";
import { parseAddress } from "../../../src/domain/addresses/prefix.ts";

/** One IP packet as nobody's stack would send it: any source, any flags, and on request a wrong checksum. */
export interface RawPacket {
  readonly source: string;
  /** Of the same family. */
  readonly destination: string;
  readonly body: RawBody;
  /** DSCP and ECN byte; 0 if absent. */
  readonly trafficClass?: number;
  /** 64 if absent. Neighbour discovery takes 255 alone (RFC 4861, section 7.1). */
  readonly hopLimit?: number;
  readonly wrongChecksum?: true;
}

export type RawBody =
  | {
      readonly protocol: "tcp";
      readonly sourcePort: number;
      readonly destinationPort: number;
      /** Bits of RFC 9293, section 3.1: `tcpFlags`. */
      readonly flags: number;
      readonly segmentSize?: number;
      readonly data?: Uint8Array;
    }
  | {
      readonly protocol: "udp";
      readonly sourcePort: number;
      readonly destinationPort: number;
      readonly data?: Uint8Array;
    }
  | {
      readonly protocol: "icmp";
      readonly type: number;
      readonly code?: number;
      /** What follows the checksum. */
      readonly rest: Uint8Array;
    };

export const tcpFlags = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

const numbers = { tcp: 6, udp: 17, icmp: { 4: 1, 6: 58 } } as const;
const checksumAt = { tcp: 16, udp: 6, icmp: 2 } as const;
const tcpHeader = 20;
const segmentSizeOption = 2;

/** The bytes of a packet, from its IP header on. */
export function encodePacket(packet: RawPacket): Buffer {
  const { protocol } = packet.body;
  const { family } = parseAddress(packet.source);
  const addresses = [packet.source, packet.destination].map(addressBytes);
  const number = protocol === "icmp" ? numbers.icmp[family] : numbers[protocol];
  const body = encodeBody(packet.body);
  // ICMP over IPv4 has no pseudo header (RFC 792).
  const summed = protocol === "icmp" && family === 4 ? [body] : [...addresses, pseudo(number, body), body];
  const sum = internetChecksum(Buffer.concat(summed));
  // 0 would say that there is no checksum (RFC 768).
  const right = protocol === "udp" && sum === 0 ? 0xffff : sum;
  body.writeUInt16BE(packet.wrongChecksum === true ? right ^ 0x5555 : right, checksumAt[protocol]);
  const header = family === 4 ? header4(packet, number, body.length) : header6(packet, number, body.length);
  return Buffer.concat([header, ...addresses, body]);
}

/** An echo message (RFC 792, RFC 4443) with an identifier of its own. */
export function echo(
  family: 4 | 6,
  kind: "request" | "reply",
  identifier: number,
  data: Uint8Array,
): RawBody & { readonly protocol: "icmp" } {
  const types = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;
  const fields = Buffer.alloc(4);
  fields.writeUInt16BE(identifier, 0);
  return { protocol: "icmp", type: types[family][kind], rest: Buffer.concat([fields, data]) };
}

/**
 * A router advertisement (RFC 4861, section 4.2): its sender is a default router for half an hour, and a prefix of 64 bits is on the
 * link, from which hosts make addresses (section 4.6.2).
 */
export function routerAdvertisement(prefix: string): RawBody {
  const lifetimeSeconds = 1_800;
  const fields = Buffer.alloc(12);
  fields.writeUInt8(64, 0);
  fields.writeUInt16BE(lifetimeSeconds, 2);
  const information = Buffer.alloc(16);
  information.writeUInt8(3, 0);
  information.writeUInt8(4, 1);
  information.writeUInt8(64, 2);
  // On link, and for addresses.
  information.writeUInt8(0xc0, 3);
  information.writeUInt32BE(lifetimeSeconds, 4);
  information.writeUInt32BE(lifetimeSeconds, 8);
  return { protocol: "icmp", type: 134, rest: Buffer.concat([fields, information, addressBytes(prefix)]) };
}

/**
 * A redirect: `gateway` is the better way to `destination`, it tells the host `told` (RFC 792; RFC 4861, section 4.5). Over IPv4 about an
 * echo reply, for which the kernel needs no socket (net/ipv4/icmp.c, icmp_err).
 */
export function redirect(gateway: string, destination: string, told: string): RawBody {
  const { family } = parseAddress(gateway);
  if (family === 6) {
    const rest = Buffer.concat([Buffer.alloc(4), ...[gateway, destination].map(addressBytes)]);
    return { protocol: "icmp", type: 137, rest };
  }
  const about = encodePacket({ source: told, destination, body: echo(4, "reply", 1, Buffer.alloc(0)) });
  // Code 1 is for a host; the packet's header follows, and 8 bytes of what it carries.
  return {
    protocol: "icmp",
    type: 5,
    code: 1,
    rest: Buffer.concat([addressBytes(gateway), about.subarray(0, 28)]),
  };
}

/** An address as it stands in a packet: 4 or 16 bytes. */
function addressBytes(address: string): Buffer {
  const { family, value } = parseAddress(address);
  return Buffer.from(value.toString(16).padStart(family === 4 ? 8 : 32, "0"), "hex");
}

/** RFC 791, without the addresses at its end; those are part of its checksum. */
function header4(packet: RawPacket, number: number, length: number): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt8(0x45, 0);
  header.writeUInt8(packet.trafficClass ?? 0, 1);
  header.writeUInt16BE(20 + length, 2);
  header.writeUInt8(packet.hopLimit ?? 64, 8);
  header.writeUInt8(number, 9);
  const whole = Buffer.concat([header, addressBytes(packet.source), addressBytes(packet.destination)]);
  header.writeUInt16BE(internetChecksum(whole), 10);
  return header;
}

/** RFC 8200, without the addresses at its end. */
function header6(packet: RawPacket, number: number, length: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(((6 << 28) | ((packet.trafficClass ?? 0) << 20)) >>> 0, 0);
  header.writeUInt16BE(length, 4);
  header.writeUInt8(number, 6);
  header.writeUInt8(packet.hopLimit ?? 64, 7);
  return header;
}

function pseudo(number: number, body: Buffer): Buffer {
  const end = Buffer.alloc(8);
  end.writeUInt32BE(body.length, 0);
  end.writeUInt8(number, 7);
  return end;
}

function encodeBody(body: RawBody): Buffer {
  switch (body.protocol) {
    case "tcp":
      return tcpSegment(body);
    case "udp":
      return udpDatagram(body);
    case "icmp":
      return Buffer.concat([Buffer.from([body.type, body.code ?? 0, 0, 0]), body.rest]);
    default: {
      const unhandled: never = body;
      return unhandled;
    }
  }
}

function tcpSegment(body: RawBody & { readonly protocol: "tcp" }): Buffer {
  const { segmentSize } = body;
  const options = Buffer.alloc(segmentSize === undefined ? 0 : 4);
  if (segmentSize !== undefined) {
    options.writeUInt8(segmentSizeOption, 0);
    options.writeUInt8(4, 1);
    options.writeUInt16BE(segmentSize, 2);
  }
  const header = Buffer.alloc(tcpHeader);
  header.writeUInt16BE(body.sourcePort, 0);
  header.writeUInt16BE(body.destinationPort, 2);
  header.writeUInt32BE(1, 4);
  header.writeUInt8(((tcpHeader + options.length) / 4) << 4, 12);
  header.writeUInt8(body.flags, 13);
  header.writeUInt16BE(0xffff, 14);
  return Buffer.concat([header, options, body.data ?? Buffer.alloc(0)]);
}

function udpDatagram({
  sourcePort,
  destinationPort,
  data = Buffer.alloc(0),
}: RawBody & { readonly protocol: "udp" }): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(destinationPort, 2);
  header.writeUInt16BE(8 + data.length, 4);
  return Buffer.concat([header, data]);
}
