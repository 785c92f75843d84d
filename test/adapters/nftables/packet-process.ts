/**
 * Sends frames into links and prints what comes out of them, in the namespace of its process. Stdin: JSON, the frames in
 * order as `{ link, data }` (hex); the last one must come out somewhere. Stdout: JSON, the same for what came out.
 * Arguments: the links as NAME=INDEX. On one processor the kernel keeps the order, so that what did not come out before the last one never will.
 */
import { text } from "node:stream/consumers";
import { loadLibc } from "../../../src/adapters/netlink/libc.ts";
import { openPacketSocket, sendFrame } from "./packet-socket.ts";

const doNotWait = 0x40;
const limitMs = 10_000;

const frames = JSON.parse(await text(process.stdin)) as { readonly link: string; readonly data: string }[];
const libc = loadLibc();
const sockets = new Map(
  process.argv.slice(2).map((argument) => {
    const [link = "", index = ""] = argument.split("=");
    return [link, openPacketSocket(libc, Number(index))] as const;
  }),
);
const seen: { readonly link: string; readonly data: string }[] = [];

for (const { link, data } of frames) {
  sendFrame(libc, sockets.get(link) ?? -1, Buffer.from(data, "hex"));
  receive();
}
const end = Date.now() + limitMs;
const last = frames.at(-1)?.data.slice(-8) ?? "";
while (!seen.some(({ data }) => data.endsWith(last))) {
  if (Date.now() > end) throw new Error("the last frame never came out");
  receive();
}
process.stdout.write(JSON.stringify(seen));

function receive(): void {
  const buffer = Buffer.alloc(2_000);
  for (const [link, fd] of sockets)
    for (;;) {
      const length = libc.recv(fd, buffer, buffer.length, doNotWait);
      if (length < 0) break;
      seen.push({ link, data: buffer.toString("hex", 0, length) });
    }
}
