import { internetChecksum } from "../../../src/adapters/netlink/icmp-echo.ts";
import { formatAddress, parseAddress } from "../../../src/domain/prefix.ts";

/** An Ethernet frame with one IP packet; its last four bytes are `mark`, by which it is known wherever it comes out. */
export interface Frame {
  /** Of the link that takes it in, "02:00:00:00:00:01". */
  readonly mac: string;
  readonly family: 4 | 6;
  readonly source: string;
  readonly destination: string;
  /** DSCP and ECN byte. */
  readonly trafficClass: number;
  readonly protocol: "tcp" | "udp" | "icmp";
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly icmpType: number;
  readonly tcpFlags: number;
  readonly segmentSize?: number;
  readonly mark: number;
}

/** What the far end sees of a frame. */
export interface SeenFrame {
  readonly mark: number;
  readonly source: string;
  readonly destination: string;
  readonly segmentSize?: number;
}

const numbers = { tcp: 6, udp: 17, icmp: { 4: 1, 6: 58 } } as const;
const tcpHeader = 20;
const segmentSizeOption = 2;

export function encodeFrame(frame: Frame): Buffer {
  const { family, protocol } = frame;
  const source = bytesOf(frame.source);
  const destination = bytesOf(frame.destination);
  const number = protocol === "icmp" ? numbers.icmp[family] : numbers[protocol];
  const body = { tcp: tcpSegment, udp: udpDatagram, icmp: icmpMessage }[protocol](frame);
  const sum =
    protocol === "icmp" && family === 4
      ? body
      : Buffer.concat([source, destination, pseudo(number, body), body]);
  body.writeUInt16BE(internetChecksum(sum), { tcp: 16, udp: 6, icmp: 2 }[protocol]);
  const ethernet = Buffer.concat([
    Buffer.from(frame.mac.replaceAll(":", ""), "hex"),
    Buffer.from("0200000000ff", "hex"),
    Buffer.from(family === 4 ? "0800" : "86dd", "hex"),
  ]);
  const header = family === 4 ? header4(frame, number, body.length) : header6(frame, number, body.length);
  return Buffer.concat([ethernet, header, source, destination, body]);
}

/** Undefined for what is no IP packet with at least a mark in it: neighbour discovery and the like come by, too. */
export function readFrame(data: Buffer): SeenFrame | undefined {
  const kind = data.readUInt16BE(12);
  if (kind !== 0x0800 && kind !== 0x86dd) return undefined;
  const [first, length, body, protocol] =
    kind === 0x0800 ? [26, 4, 34, data.readUInt8(23)] : [22, 16, 54, data.readUInt8(20)];
  const address = (at: number) =>
    formatAddress(length === 4 ? 4 : 6, BigInt(`0x${data.subarray(at, at + length).toString("hex")}`));
  const hasSize = protocol === numbers.tcp && data.readUInt8(body + 12) >> 4 === 6;
  return {
    mark: data.readUInt32BE(data.length - 4),
    source: address(first),
    destination: address(first + length),
    ...(hasSize ? { segmentSize: data.readUInt16BE(body + tcpHeader + 2) } : {}),
  };
}

/** RFC 791, without the addresses at its end; those are part of its checksum. */
function header4(frame: Frame, number: number, length: number): Buffer {
  const header = Buffer.from("45000000000000004000000000000000", "hex").subarray(0, 12);
  header.writeUInt8(frame.trafficClass, 1);
  header.writeUInt16BE(20 + length, 2);
  header.writeUInt8(number, 9);
  const whole = Buffer.concat([header, bytesOf(frame.source), bytesOf(frame.destination)]);
  header.writeUInt16BE(internetChecksum(whole), 10);
  return header;
}

/** RFC 8200, without the addresses at its end. */
function header6(frame: Frame, number: number, length: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(((6 << 28) | (frame.trafficClass << 20)) >>> 0, 0);
  header.writeUInt16BE(length, 4);
  header.writeUInt8(number, 6);
  header.writeUInt8(64, 7);
  return header;
}

function pseudo(number: number, body: Buffer): Buffer {
  const end = Buffer.alloc(8);
  end.writeUInt32BE(body.length, 0);
  end.writeUInt8(number, 7);
  return end;
}

function tcpSegment({ sourcePort, destinationPort, tcpFlags, segmentSize, mark }: Frame): Buffer {
  const options = Buffer.alloc(segmentSize === undefined ? 0 : 4);
  if (segmentSize !== undefined) {
    options.writeUInt8(segmentSizeOption, 0);
    options.writeUInt8(4, 1);
    options.writeUInt16BE(segmentSize, 2);
  }
  const header = Buffer.alloc(tcpHeader);
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(destinationPort, 2);
  header.writeUInt32BE(1, 4);
  header.writeUInt8(((tcpHeader + options.length) / 4) << 4, 12);
  header.writeUInt8(tcpFlags, 13);
  header.writeUInt16BE(0xffff, 14);
  return Buffer.concat([header, options, markBytes(mark)]);
}

function udpDatagram({ sourcePort, destinationPort, mark }: Frame): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(destinationPort, 2);
  header.writeUInt16BE(12, 4);
  return Buffer.concat([header, markBytes(mark)]);
}

function icmpMessage({ icmpType, sourcePort, mark }: Frame): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(icmpType, 0);
  header.writeUInt16BE(sourcePort, 4);
  return Buffer.concat([header, markBytes(mark)]);
}

function markBytes(mark: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(mark, 0);
  return bytes;
}

function bytesOf(address: string): Buffer {
  const { family, value } = parseAddress(address);
  return Buffer.from(value.toString(16).padStart(family === 4 ? 8 : 32, "0"), "hex");
}
