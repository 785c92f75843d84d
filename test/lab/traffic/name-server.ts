import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { loadLibc } from "../../../src/adapters/netlink/libc.ts";

/**
 * A DNS server on port 53, UDP and TCP, that knows one name, as a program: `name-server.ts NAME IPV4 [LISTEN [DEVICE]]`. Other names do
 * not exist (RFC 1035, section 4.1). It listens on all IPv4 addresses, or on LISTEN alone; with DEVICE over UDP only, and hears only
 * what arrives there, as systemd-resolved's stub does.
 */
const [name = "", address = "", listen = "0.0.0.0", device] = process.argv.slice(2);
const dnsPort = 53;
const headerBytes = 12;
const aRecord = 1;
/** asm-generic/socket.h. */
const socketLevel = 1;
const bindToDevice = 25;

const server = createSocket(listen.includes(":") ? "udp6" : "udp4");
server.on("message", (query, from) => {
  const answer = answerTo(query);
  if (answer !== undefined) server.send(answer, from.port, from.address);
});
if (device === undefined) {
  server.bind(dnsPort, listen);
  createServer((client) => {
    // One question a connection, and whole in one piece: who asks here is ours.
    client.once("data", (framed) => {
      const answer = answerTo(Buffer.from(framed).subarray(2));
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer?.length ?? 0);
      client.end(Buffer.concat([length, answer ?? Buffer.alloc(0)]));
    });
    client.on("error", () => undefined);
  }).listen(dnsPort, listen);
} else {
  server.bind({ fd: boundTo(device) });
}

/** A UDP socket on the address, bound to the link before it is bound to anything else. */
function boundTo(link: string): number {
  const libc = loadLibc();
  const fd = libc.socket(2, 2, 0);
  const place = Buffer.alloc(16);
  place.writeUInt16LE(2, 0);
  place.writeUInt16BE(dnsPort, 2);
  place.set(listen.split(".").map(Number), 4);
  const linkName = Buffer.from(`${link}\0`);
  if (libc.setsockopt(fd, socketLevel, bindToDevice, linkName, linkName.length) < 0)
    throw new Error("device");
  if (libc.bind(fd, place, place.length) < 0) throw new Error("bind");
  return fd;
}

function answerTo(query: Buffer): Buffer | undefined {
  const labels: string[] = [];
  let at = headerBytes;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const end = at + 5;
  if (query.length < end) return undefined;
  const known = labels.join(".").toLowerCase() === name;
  const answered = known && query.readUInt16BE(at + 1) === aRecord;
  const header = Buffer.alloc(headerBytes);
  query.copy(header, 0, 0, 2);
  // A response, recursion desired and available; code 3 is "no such name".
  header.writeUInt16BE(known ? 0x8180 : 0x8183, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answered ? 1 : 0, 6);
  const question = query.subarray(headerBytes, end);
  return Buffer.concat([header, question, ...(answered ? [record()] : [])]);
}

/** The answer: the name that the question has, an A record of class IN for 5 s. */
function record(): Buffer {
  const bytes = Buffer.from([0xc0, headerBytes, 0, aRecord, 0, 1, 0, 0, 0, 5, 0, 4]);
  return Buffer.concat([bytes, Buffer.from(address.split(".").map(Number))]);
}
