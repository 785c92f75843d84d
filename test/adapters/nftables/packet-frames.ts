import { formatAddress } from "../../../src/domain/addresses/prefix.ts";
import { echo, encodePacket, type RawBody } from "../../lab/network/raw-packet.ts";

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

const tcp = 6;
const tcpHeader = 20;

export function encodeFrame(frame: Frame): Buffer {
  const ethernet = Buffer.concat([
    Buffer.from(frame.mac.replaceAll(":", ""), "hex"),
    Buffer.from("0200000000ff", "hex"),
    Buffer.from(frame.family === 4 ? "0800" : "86dd", "hex"),
  ]);
  return Buffer.concat([ethernet, encodePacket({ ...frame, body: bodyOf(frame) })]);
}

function bodyOf({ family, protocol, sourcePort, icmpType, tcpFlags, mark, ...rest }: Frame): RawBody {
  const data = Buffer.alloc(4);
  data.writeUInt32BE(mark, 0);
  if (protocol === "icmp") return { ...echo(family, "request", sourcePort, data), type: icmpType };
  return { ...rest, protocol, sourcePort, flags: tcpFlags, data };
}

/** Undefined for what is no IP packet with at least a mark in it: neighbour discovery and the like come by, too. */
export function readFrame(data: Buffer): SeenFrame | undefined {
  const kind = data.readUInt16BE(12);
  if (kind !== 0x0800 && kind !== 0x86dd) return undefined;
  const [first, length, body, protocol] =
    kind === 0x0800 ? [26, 4, 34, data.readUInt8(23)] : [22, 16, 54, data.readUInt8(20)];
  const address = (at: number) =>
    formatAddress(length === 4 ? 4 : 6, BigInt(`0x${data.subarray(at, at + length).toString("hex")}`));
  const hasSize = protocol === tcp && data.readUInt8(body + 12) >> 4 === 6;
  return {
    mark: data.readUInt32BE(data.length - 4),
    source: address(first),
    destination: address(first + length),
    ...(hasSize ? { segmentSize: data.readUInt16BE(body + tcpHeader + 2) } : {}),
  };
}
