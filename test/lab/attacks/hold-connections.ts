import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Holds idle connections to a page, as a program: `hold-connections.ts ADDRESS PORT COUNT`. Every other one has asked once and keeps its
 * connection, the rest say nothing. One that the server ends is opened again at once. Prints "held" when so many were tried; runs
 * until it is killed.
 */
const [address = "", port = "", count = ""] = process.argv.slice(2);
const request = `GET /healthz HTTP/1.1\r\nHost: ${address}:${port}\r\n\r\n`;

/** Resolves when the connection is open, or refused. */
function open(asks: boolean): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), address);
    socket.on("connect", () => {
      if (asks) socket.write(request);
      resolve(socket);
    });
    socket.on("error", () => resolve(socket)).on("data", () => undefined);
  });
}

async function hold(asks: boolean, opened: () => void): Promise<void> {
  for (;;) {
    const socket = await open(asks);
    opened();
    if (!socket.destroyed) await new Promise((resolve) => socket.once("close", resolve));
    // A server that refuses must not be asked in a tight loop: this is about idle connections.
    await delay(500);
  }
}

const wanted = Number(count);
const tried = { count: 0 };
const opened = () => {
  tried.count += 1;
  if (tried.count === wanted) process.stdout.write("held\n");
};
for (let index = 0; index < wanted; index += 1) void hold(index % 2 === 0, opened);
