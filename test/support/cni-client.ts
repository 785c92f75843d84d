import { connect } from "node:net";
import type { CniReply, CniRequest } from "../../src/protocol/cni-protocol.ts";

/** A plugin by hand: what it sends as it is, what comes back until the server ends the connection. */
export function cniClient(socketPath: string) {
  const socket = connect(socketPath);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  const ended = new Promise<string>((resolve, reject) => {
    socket.on("close", () => resolve(Buffer.concat(chunks).toString()));
    socket.on("error", (error) =>
      chunks.length > 0 ? resolve(Buffer.concat(chunks).toString()) : reject(error),
    );
  });
  // A test that does not look at the end must not fail by it.
  ended.catch(() => undefined);
  return {
    socket,
    send: (bytes: string | Uint8Array) => socket.write(bytes),
    /** Everything that came, once the server ended the connection. */
    ended,
    reply: async () => JSON.parse(await ended) as CniReply,
    leave: () => socket.destroy(),
  };
}

/** One exchange. */
export async function exchange(socketPath: string, request: CniRequest | unknown): Promise<CniReply> {
  const client = cniClient(socketPath);
  client.send(`${JSON.stringify(request)}\n`);
  return client.reply();
}
