import ipaddr from "ipaddr.js";

/** One end of a datagram. */
export interface UdpEnd {
  readonly address: string;
  readonly port: number;
}

/** The checksum of a UDP datagram over IPv6 as it comes out, 0 too (RFC 768; RFC 8200, section 8.1, has the pseudo-header). */
function udpChecksum6(source: UdpEnd, destination: UdpEnd, data: Buffer): number {
  const length = 8 + data.length;
  const header = Buffer.alloc(16);
  header.writeUInt32BE(length, 0);
  header.writeUInt32BE(17, 4);
  header.writeUInt16BE(source.port, 8);
  header.writeUInt16BE(destination.port, 10);
  header.writeUInt16BE(length, 12);
  const ends = [source, destination].map(({ address }) => Buffer.from(ipaddr.parse(address).toByteArray()));
  const words = Buffer.concat([...ends, header, data, Buffer.alloc(data.length % 2)]);
  const sum = Array.from({ length: words.length / 2 }, (_, at) => words.readUInt16BE(2 * at)).reduce(
    (total, word) => total + word,
    0,
  );
  return ~carried(carried(sum)) & 0xffff;
}

function carried(sum: number): number {
  return (sum & 0xffff) + (sum >>> 16);
}

/** Data with which the checksum comes out as 0; so it does for the answer with the same data. */
export function dataOfZeroChecksum6(source: UdpEnd, destination: UdpEnd): Buffer {
  const data = Buffer.alloc(64);
  data.writeUInt16BE(udpChecksum6(source, destination, data), 62);
  return data;
}
