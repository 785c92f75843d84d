import type { Server } from "node:http";
import type { Socket } from "node:net";

/**
 * Holds a server's open connections at `max`: for one more, the one that has waited longest for a request (the rest of its headers
 * included) is closed, and if every one has an exchange, the one whose exchange began first. So a new client is always answered.
 */
export function boundConnections(server: Server, max: number): void {
  // In the order in which they came into this state.
  const waiting = new Set<Socket>();
  const exchanging = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    const [longest] = waiting.size > 0 ? waiting : exchanging;
    if (longest !== undefined && waiting.size + exchanging.size >= max) {
      forget(longest);
      longest.destroy();
    }
    waiting.add(socket);
    socket.once("close", () => forget(socket));
  });
  server.on("request", ({ socket }, response) => {
    waiting.delete(socket);
    exchanging.add(socket);
    response.once("close", () => {
      if (exchanging.delete(socket) && !socket.destroyed) waiting.add(socket);
    });
  });
  function forget(socket: Socket): void {
    waiting.delete(socket);
    exchanging.delete(socket);
  }
}
