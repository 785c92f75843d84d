import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/**
 * The server every pod of the demo and the tests runs in its namespace, as a program: `pod-server.ts PORT`.
 * HTTP: `/bytes/N` answers N bytes at once, `/stream/N` N bytes per second until the client goes; the header
 * `x-source-address` tells which address the caller seemed to have. UDP on the same port echoes each datagram.
 */
const port = Number(process.argv[2]);
const block = Buffer.alloc(1 << 20, "headcni ");

const server = createServer(async (request, response) => {
  const [, kind, amount] = (request.url ?? "").split("/");
  const bytes = Number(amount);
  if (!Number.isSafeInteger(bytes) || bytes < 0 || (kind !== "bytes" && kind !== "stream")) {
    response.writeHead(404).end();
    return;
  }
  response.setHeader("x-source-address", (request.socket.remoteAddress ?? "").replace(/^::ffff:/, ""));
  if (kind === "bytes") {
    response.setHeader("content-length", bytes);
    for (let left = bytes; left > 0 && !response.destroyed; left -= block.length) {
      if (!response.write(block.subarray(0, Math.min(left, block.length)))) await drained(response);
    }
    response.end();
    return;
  }
  const perTick = Math.min(Math.ceil(bytes / 50), block.length);
  while (!response.destroyed) {
    response.write(block.subarray(0, perTick));
    await delay(20);
  }
});

function drained(stream: NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve) => {
    stream.once("drain", resolve).once("close", resolve);
  });
}

const echo = createSocket("udp6");
echo.on("message", (message, from) => echo.send(message, from.port, from.address));
echo.on("error", () => {
  // An answer that cannot be sent is a lost packet; the prober counts it.
});
echo.bind(port);
// Both families; an IPv4 caller's address is written ::ffff:A.B.C.D then.
server.listen(port, "::");
