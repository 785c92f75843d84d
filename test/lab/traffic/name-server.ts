import { createSocket } from "node:dgram";

/**
 * A DNS server on UDP port 53 that knows one name, as a program: `name-server.ts NAME IPV4`. Other names do not exist
 * (RFC 1035, section 4.1).
 */
const [name = "", address = ""] = process.argv.slice(2);
const headerBytes = 12;
const aRecord = 1;

const server = createSocket("udp4");
server.on("message", (query, from) => {
  const answer = answerTo(query);
  if (answer !== undefined) server.send(answer, from.port, from.address);
});
server.bind(53);

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
