import { connect, type Server } from "node:net";
import { pipeline } from "node:stream";

const dnsPort = 53;
/** RFC 7766, section 6.2.3: some seconds without a question or an answer end a connection. */
const idleMs = 30_000;
const maxConnections = 64;

/** Joins each connection to `listener` with one to port 53 of `server`. */
export function forwardStreams(listener: Server, server: string): void {
  listener.maxConnections = maxConnections;
  listener.on("connection", (client) => {
    const upstream = connect({ host: server, port: dnsPort, allowHalfOpen: true });
    for (const socket of [client, upstream]) socket.setTimeout(idleMs, () => socket.destroy());
    // Ends both with the first that breaks.
    pipeline(client, upstream, client, () => undefined);
  });
}
