/** Sends frames, in order. Argument: the index of a link in the namespace of its process. Stdin: JSON, a list of them in hex. */
import { text } from "node:stream/consumers";
import { loadLibc } from "../../../src/adapters/netlink/libc.ts";
import { openPacketSocket, sendFrame } from "../nftables/packet-socket.ts";

const libc = loadLibc();
const fd = openPacketSocket(libc, Number(process.argv[2]));
for (const frame of JSON.parse(await text(process.stdin)) as string[])
  sendFrame(libc, fd, Buffer.from(frame, "hex"));
