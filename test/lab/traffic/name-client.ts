import { createSocket } from "node:dgram";
import { connect } from "node:net";

/**
 * Asks a DNS server for the IPv4 address of a name, as a program: `name-client.ts udp|tcp SERVER NAME`. Prints the address, or
 * `code N` (RFC 1035, section 4.1.1), or why there was no answer within 20 s.
 */
const [transport, server = "", name = ""] = process.argv.slice(2);
const dnsPort = 53;
const headerBytes = 12;
const limitMs = 20_000;

function question(): Buffer {
  const header = Buffer.from([0x48, 0x43, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split(".").map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

function read(answer: Buffer): string {
  if (answer.readUInt16BE(6) > 0) return answer.subarray(-4).join(".");
  return `code ${answer.readUInt8(3) & 0xf}, ${answer.length - headerBytes} bytes after the header`;
}

function say(text: string): void {
  console.log(text);
  process.exit();
}

setTimeout(() => say("no answer"), limitMs);
const query = question();
if (transport === "udp") {
  const socket = createSocket(server.includes(":") ? "udp6" : "udp4");
  socket.once("message", (answer) => say(read(answer)));
  socket.once("error", (error) => say(error.message));
  socket.once("connect", () => socket.send(query)).connect(dnsPort, server);
} else {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  const socket = connect(dnsPort, server, () => socket.write(Buffer.concat([length, query])));
  socket.once("data", (framed) => say(read(Buffer.from(framed).subarray(2))));
  socket.once("error", (error) => say(error.message)).once("end", () => say("ended"));
}
