import { createSocket, type RemoteInfo, type Socket } from "node:dgram";

const dnsPort = 53;
/** Longer than resolvers' clients wait (resolv.conf(5): 5 s), so that no answer still wanted is lost. */
const answerMs = 10_000;
/** Of questions without an answer yet; past it they are dropped, and their client asks again. */
const maxOpen = 256;

/** Asks port 53 of `server` whatever is asked of `listener`, each question from a socket of its own as its client did. */
export function forwardDatagrams(listener: Socket, server: string): void {
  let open = 0;
  const ask = (query: Buffer, from: RemoteInfo) => {
    const upstream = createSocket(server.includes(":") ? "udp6" : "udp4");
    open += 1;
    let ended = false;
    const end = (answer: Buffer | undefined) => {
      if (ended) return;
      ended = true;
      open -= 1;
      clearTimeout(timer);
      upstream.close();
      if (answer !== undefined) listener.send(answer, from.port, from.address);
    };
    const timer = setTimeout(() => end(undefined), answerMs);
    upstream.on("message", end);
    // Nobody listens there: said at once, as the kernel would, so that the client takes its next nameserver.
    upstream.on("error", () => end(serverFailure(query)));
    upstream.once("connect", () => upstream.send(query)).connect(dnsPort, server);
  };
  listener.on("message", (query, from) => {
    if (open < maxOpen) ask(query, from);
  });
  // A client that is gone does not end the forwarding.
  listener.on("error", () => undefined);
}

/** The question as an answer with code 2, "server failure" (RFC 1035, section 4.1.1); undefined for what is no DNS message. */
export function serverFailure(query: Buffer): Buffer | undefined {
  if (query.length < 12) return undefined;
  const answer = Buffer.from(query);
  answer.writeUInt8(query.readUInt8(2) | 0x80, 2);
  answer.writeUInt8((query.readUInt8(3) & 0xf0) | 2, 3);
  return answer;
}
